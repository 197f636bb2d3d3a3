package replay

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// choice is a request, understood.
type choice struct {
	ask         relay.ReplayRequest
	target      string
	walk        relay.LogWalk
	subscribers []relay.Subscriber // none: the enroller
}

const (
	minRate = 0.05 // slower than that, the reader of the log would be taken for dead
	maxRate = 1_000_000
)

func (o *Office) choose(ctx context.Context, ask relay.ReplayRequest) (*choice, error) {
	if ask.Enrollments && ask.State == "" {
		ask.State = ask.States()[0]
	}
	c := &choice{ask: ask}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.aim()
	c.walk.From, c.walk.To = max(ask.FromSequence, 1), ask.ToSequence
	last, err := o.newest(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.walk.To == 0 || c.walk.To > last {
		c.walk.To = last
	}
	c.subscribers, err = subscribers(ctx, o.Subscribers, ask.Subscriptions)
	return c, err
}

// streamEnrollments stands where other replays have a stream: they walk over the ledger.
const streamEnrollments = "ENROLLMENTS"

// aim says what the request walks over and where it goes to.
func (c *choice) aim() {
	ask := c.ask
	c.walk = relay.LogWalk{Stream: relay.StreamEvents, NoBody: ask.Course == "" && ask.Learner == ""}
	c.target = strings.Join(ask.Subscriptions, ",")
	switch {
	case ask.Enrollments:
		c.walk.Stream, c.target = streamEnrollments, relay.ReplayEnrollments
	case ask.Enroller && ask.State == relay.ReplayRejected:
		c.walk.Stream, c.target = relay.StreamRejected, relay.ReplayEnroller
	case ask.Enroller:
		c.walk.Stream, c.target = relay.StreamWebhooks, relay.ReplayEnroller
	}
	if subject := c.subject(); subject != "" {
		c.walk.Subjects = []string{subject}
	}
}

func (o *Office) newest(ctx context.Context, c *choice) (uint64, error) {
	if c.ask.Enrollments {
		return o.Ledger.LastEnrollment(ctx)
	}
	return o.Log.LastSequence(ctx, c.walk.Stream)
}

func subscribers(ctx context.Context, from Subscribers, names []string) ([]relay.Subscriber, error) {
	var found []relay.Subscriber
	for _, name := range names {
		one, err := from.Subscriber(ctx, name)
		if relay.CodeOf(err) == relay.CodeNotFound {
			return nil, &relay.Error{Code: relay.CodeNotFound, Message: "there is no subscription " + name, Hint: "edrelay subscription ls lists them"}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func (c *choice) check() error {
	ask := c.ask
	switch {
	case targets(ask) != 1:
		return relay.Errorf(relay.CodeInvalid, "a replay goes to the enroller, to enrollments, or to subscriptions")
	case ask.Rate != 0 && (ask.Rate < minRate || ask.Rate > maxRate):
		return relay.Errorf(relay.CodeInvalid, "rate must be between %g and %d a second; 0 is no limit", minRate, maxRate)
	case !ask.Since.IsZero() && !ask.Until.IsZero() && !ask.Since.Before(ask.Until):
		return relay.Errorf(relay.CodeInvalid, "since must be before until")
	case ask.ToSequence > 0 && ask.FromSequence > ask.ToSequence:
		return relay.Errorf(relay.CodeInvalid, "from_sequence must not be behind to_sequence")
	case !slices.Contains(ask.States(), ask.State):
		return &relay.Error{
			Code: relay.CodeInvalid, Message: "state " + strconv.Quote(ask.State) + " chooses nothing here",
			Hint: "for this target it may be " + strings.Join(slices.DeleteFunc(ask.States(), func(s string) bool { return s == "" }), ", "),
		}
	case ask.Reason != "" && !ask.Enrollments && ask.State != relay.ReplayRejected:
		return relay.Errorf(relay.CodeInvalid, "reason chooses among enrollments and rejected webhooks only")
	case ask.Enrollments && (ask.Subject != "" || ask.Type != ""):
		return relay.Errorf(relay.CodeInvalid, "enrollments have neither subject nor type")
	case ask.Mail && (len(ask.Subscriptions) > 0 || ask.State == relay.ReplayRejected):
		return relay.Errorf(relay.CodeInvalid, "mail is for replays of verified webhooks and enrollments only")
	}
	return nil
}

func targets(ask relay.ReplayRequest) (n int) {
	for _, set := range []bool{ask.Enroller, ask.Enrollments, len(ask.Subscriptions) > 0} {
		if set {
			n++
		}
	}
	return n
}

// subject gives the narrowest NATS pattern that holds all that is asked for; "" for everything.
func (c *choice) subject() string {
	if isPattern(c.ask.Subject) {
		return c.ask.Subject
	}
	if c.ask.Enroller && c.ask.Source != "" {
		subject := relay.WebhookSubject
		if c.ask.State == relay.ReplayRejected {
			subject = relay.RejectedSubject
		}
		return strings.TrimSuffix(subject(c.ask.Source, "x"), "x") + ">"
	}
	if t := c.ask.Type; !c.ask.Enroller && relay.ValidEventType(t) {
		return relay.EventSubject(t)
	}
	return ""
}

// isPattern tells a NATS subject of the log from a CloudEvents subject.
func isPattern(subject string) bool {
	return strings.HasPrefix(subject, "events.") || strings.HasPrefix(subject, "webhooks.") || strings.HasPrefix(subject, "rejected.")
}

// wants tells whether a message is chosen by what stands in it.
func (c *choice) wants(m relay.Received) bool {
	ask := c.ask
	switch {
	case m.Stored.Before(ask.Since), !ask.Until.IsZero() && !m.Stored.Before(ask.Until):
		return false
	case ask.Subject != "" && !isPattern(ask.Subject) && m.About != ask.Subject:
		return false
	case ask.Enroller && ask.Source != "" && m.Header[relay.HeaderSource] != ask.Source, !ask.Enroller && ask.Source != "" && m.Source != ask.Source:
		return false
	case ask.Type != "" && !subscription.Matches([]string{ask.Type}, m.Type):
		return false
	case ask.Reason != "" && m.Header[relay.HeaderReason] != ask.Reason:
		return false
	}
	// Of verified webhooks the ledger may know what the payload does not say.
	return ask.Enroller && ask.State != relay.ReplayRejected || c.tellsCourse(m) && c.tellsLearner(m)
}

func (c *choice) tellsCourse(m relay.Received) bool {
	return c.ask.Course == "" || bytes.Contains(m.Body, []byte(c.ask.Course))
}

func (c *choice) tellsLearner(m relay.Received) bool {
	return c.ask.Learner == "" || bytes.Contains(bytes.ToLower(m.Body), []byte(strings.ToLower(c.ask.Learner)))
}

// chunk is a run of the log: what of it is chosen, for whom, and how far it goes.
type chunk struct {
	messages []relay.Received
	rows     []relay.Enrollment        // of a replay of enrolments
	forWhom  map[int64]map[uint64]bool // by subscription; nil for the enroller
	end      uint64
}

// effects counts what handing the chunk out causes.
func (ch chunk) effects() int64 {
	if ch.forWhom == nil {
		return int64(len(ch.messages) + len(ch.rows))
	}
	n := 0
	for _, sequences := range ch.forWhom {
		n += len(sequences)
	}
	return int64(n)
}

const chunkSize = 500

// chunksPerSecond is how evenly a capped rate is handed out.
const chunksPerSecond = 4

// eachChunk walks over all that is chosen behind the cursor, size messages at a time.
func (c *choice) eachChunk(
	ctx context.Context, log Log, ledger Ledger, cursor uint64, size int, visit func(chunk) (bool, error),
) error {
	walk := c.walk
	walk.From = cursor + 1
	if walk.From > walk.To {
		return nil
	}
	if c.ask.Enrollments {
		return c.eachRun(ctx, ledger, cursor, size, visit)
	}
	var run []relay.Received
	settle := func(end uint64) (bool, error) {
		ch, err := c.narrow(ctx, ledger, run, end)
		if err != nil {
			return false, err
		}
		run = nil
		return visit(ch)
	}
	more := true
	err := log.Walk(ctx, walk, func(m relay.Received) (_ bool, err error) {
		if c.wants(m) {
			run = append(run, m)
		}
		if len(run) < size {
			return true, nil
		}
		more, err = settle(m.Sequence)
		return more, err
	})
	if err == nil && more {
		_, err = settle(walk.To)
	}
	return err
}
