package ingress

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// respondTimeout is how long a source may take to answer by itself when it names no time of its own.
const respondTimeout = 10 * time.Second

// visit is one request on its way through the door.
type visit struct {
	kind   source.Kind
	source source.Source // nil until it is known
	r      *source.Request
	span   *telemetry.Span // nil where no traces are wanted
}

// name is what the visit counts under: the source once it is known, before that its kind.
func (v *visit) name() string {
	if v.source != nil {
		return v.source.Name()
	}
	return v.kind.Name
}

// shared serves the fixed paths, which all sources of a kind have in common.
func (s *Service) shared(c fiber.Ctx) error {
	r := s.request(c)
	door := s.doors.of(r)
	r.Topic = door.route.Topic
	return s.take(c, &visit{kind: door.kind, r: r}, door.route.AnyMethod)
}

// named serves /webhooks/in/<source>.
func (s *Service) named(c fiber.Ctx) error {
	r := s.request(c)
	found := s.options.Sources.Named(c.Params("source"))
	if found == nil {
		return fiber.ErrNotFound
	}
	r.Named = true
	kind := s.doors.kinds[found.Kind()]
	return s.take(c, &visit{kind: kind, source: found, r: r}, anyMethod(kind))
}

func anyMethod(kind source.Kind) bool { return len(kind.Routes) > 0 && kind.Routes[0].AnyMethod }

func (s *Service) take(c fiber.Ctx, v *visit, anyMethod bool) error {
	began := time.Now()
	defer func() {
		s.metrics.seconds.Observe(time.Since(began).Seconds())
		endSpan(v.span, c.Response().StatusCode())
	}()
	if v.r.Method != fiber.MethodPost && !anyMethod {
		return s.refuse(c, v, &source.Refusal{Status: 405, Reason: "method", Message: sentence(405)})
	}
	if v.kind.Greet != nil {
		if answer, is := v.kind.Greet(v.r); is {
			s.metrics.webhooks.WithLabelValues(v.name(), "greeted").Inc()
			return write(c, answer)
		}
	}
	answer, err := s.answer(v, began)
	if err != nil {
		return s.refuse(c, v, source.RefusalOf(err))
	}
	return write(c, answer)
}

// answer takes a request in: verified on its exact bytes, judged, durable, and only then answered.
func (s *Service) answer(v *visit, began time.Time) (source.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.PublishTimeout)
	defer cancel()
	found, err := s.doors.verify(ctx, v.kind, v.source, v.r)
	if found != nil {
		v.source = found
	}
	if s.options.Tracer != nil {
		ctx = s.beginSpan(ctx, v, began, err == nil)
	}
	if err != nil {
		return source.Answer{}, err
	}
	accepted, err := v.source.Accept(ctx, v.r)
	if err != nil {
		return source.Answer{}, err
	}
	if accepted.Respond != nil {
		return respond(v.span.Within(context.Background()), accepted)
	}
	if accepted.Message.Subject == "" {
		return accepted.Answer, nil
	}
	continueTrace(&accepted.Message, v)
	if accepted.Outcome != nil && s.outcomes != nil {
		return s.publishAndWait(ctx, v, accepted)
	}
	if accepted.Unknown {
		s.metrics.unknown.Inc()
	}
	return accepted.Answer, s.publish(ctx, v, accepted.Message)
}

// respond gives the answer that a source makes itself, within its own time.
func respond(ctx context.Context, accepted source.Accepted) (source.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, or(accepted.Wait, respondTimeout))
	defer cancel()
	return accepted.Respond(ctx)
}

// publish makes a webhook durable. Nothing is answered 2xx before it has returned nil.
func (s *Service) publish(ctx context.Context, v *visit, m relay.Message) error {
	receipt, err := s.options.Publish.Publish(ctx, m)
	if err != nil {
		return unavailable(err)
	}
	outcome := "accepted"
	if receipt.Duplicate {
		outcome = "duplicate"
	}
	s.metrics.webhooks.WithLabelValues(v.name(), outcome).Inc()
	v.span.Text(telemetry.Outcome, outcome)
	s.options.Log.Debug("webhook "+outcome, "source", v.name(), "topic", m.Header[relay.HeaderTopic], "id", m.ID,
		"sequence", receipt.Sequence)
	return nil
}

// retryAfter is what a sender is told to wait when the log is away.
const retryAfter = "5"

// unavailable is what a failed publish becomes.
func unavailable(err error) *source.Refusal {
	if relay.CodeOf(err) == relay.CodeTooLarge {
		return &source.Refusal{Status: 413, Reason: "size", Message: sentence(413), Err: err}
	}
	return &source.Refusal{Status: 503, Reason: "unavailable", Message: "Not taken; send it again.", Err: err}
}

// refuse answers a refusal as the kind's senders know it and keeps the request in REJECTED where that is of use.
func (s *Service) refuse(c fiber.Ctx, v *visit, refusal *source.Refusal) error {
	s.metrics.webhooks.WithLabelValues(v.name(), refusal.Reason).Inc()
	v.span.Text(telemetry.Outcome, refusal.Reason)
	s.rejected.offer(v, refusal)
	switch refusal.Status {
	case fiber.StatusMethodNotAllowed:
		c.Set(fiber.HeaderAllow, fiber.MethodPost)
	case fiber.StatusServiceUnavailable:
		c.Set(fiber.HeaderRetryAfter, retryAfter)
	}
	if refusal.Answer.Status != 0 {
		return write(c, refusal.Answer)
	}
	if v.kind.Refuse != nil {
		return write(c, v.kind.Refuse(refusal))
	}
	return writeProblem(c, refusal.Status, refusal.Message)
}

func write(c fiber.Ctx, answer source.Answer) error {
	for name, value := range answer.Header {
		c.Set(name, value)
	}
	if answer.ContentType != "" {
		c.Set(fiber.HeaderContentType, answer.ContentType)
	}
	return c.Status(answer.Status).Send(answer.Body)
}
