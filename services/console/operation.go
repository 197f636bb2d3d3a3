package console

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// operationTimeout bounds what may touch every row or ask the LMS.
const operationTimeout = 10 * time.Minute

// RetryRequest asks for one enrolment once more.
type RetryRequest struct {
	Mail bool `json:"mail,omitempty"` // the LMS may write to the learner again
}

// RetryFilter chooses the enrolments to be tried again; without a state the parked ones.
type RetryFilter struct {
	State     relay.EnrollmentState `json:"state,omitempty"`
	Source    string                `json:"source,omitempty"`
	Order     string                `json:"order,omitempty"`
	Learner   string                `json:"learner,omitempty"`
	Course    string                `json:"course,omitempty"`
	WebhookID string                `json:"webhook_id,omitempty"`
	Reason    string                `json:"reason,omitempty"`
	Mail      bool                  `json:"mail,omitempty"`
}

// Retried says how many enrolments are due again.
type Retried struct {
	Retried int `json:"retried"`
}

// ReverifiedList is what came of rejected webhooks, oldest first.
type ReverifiedList struct {
	Items []relay.Reverified `json:"items"`
}

// ReconcileRequest asks for an audit.
type ReconcileRequest struct {
	LMS bool `json:"lms,omitempty"` // compare with the LMS too; it is asked about every learner
}

func (s *Service) operationRoutes() []route {
	var routes []route
	if s.opts.Ports.Retry != nil {
		routes = append(routes, route{
			method: fiber.MethodPost, path: "/enrollments/retry", role: relay.RoleOperator, tag: "enrollments",
			summary: "Try many enrolments again", about: "Without a state the parked ones are chosen. Learners are not mailed again unless `mail` says so.",
			body: RetryFilter{}, answer: Retried{}, handle: s.retryAll,
		}, route{
			method: fiber.MethodPost, path: "/enrollments/{id}/retry", role: relay.RoleOperator, tag: "enrollments",
			summary: "Try one enrolment again", body: RetryRequest{}, answer: relay.Enrollment{}, handle: s.retry,
		})
	}
	if s.opts.Ports.Reverify != nil {
		routes = append(routes, route{
			method: fiber.MethodPost, path: "/webhooks/reverify", role: relay.RoleOperator, tag: "webhooks",
			summary: "Verify rejected webhooks again, after a secret was mended",
			about:   "Those that pass now are taken as if they had just come in.",
			body:    relay.ReverifyQuery{}, answer: ReverifiedList{}, handle: s.reverify,
		})
	}
	if s.opts.Ports.Reconcile != nil {
		routes = append(routes, route{
			method: fiber.MethodPost, path: "/audit", role: relay.RoleOperator, tag: "audit",
			summary: "Compare the log with the ledger, and with the LMS on demand", body: ReconcileRequest{}, answer: relay.Reconciliation{},
			handle: func(c fiber.Ctx) error {
				return operate(c, func(ctx context.Context, ask ReconcileRequest) (relay.Reconciliation, error) {
					return s.opts.Ports.Reconcile.Reconcile(ctx, ask.LMS)
				})
			},
		})
	}
	return routes
}

func (s *Service) retry(c fiber.Ctx) error {
	id, err := numberParam(c, "id")
	if err != nil {
		return err
	}
	return operate(c, func(ctx context.Context, ask RetryRequest) (relay.Enrollment, error) {
		return s.opts.Ports.Retry.Retry(ctx, id, ask.Mail)
	})
}

func (s *Service) retryAll(c fiber.Ctx) error {
	return operate(c, func(ctx context.Context, ask RetryFilter) (Retried, error) {
		query := relay.EnrollmentQuery{
			State: ask.State, Source: ask.Source, Order: ask.Order, Learner: ask.Learner, Course: ask.Course,
			WebhookID: ask.WebhookID, Reason: ask.Reason,
		}
		if err := enrollmentState.check(string(ask.State)); err != nil {
			return Retried{}, err
		}
		n, err := s.opts.Ports.Retry.RetryAll(ctx, query, ask.Mail)
		return Retried{n}, err
	})
}

func (s *Service) reverify(c fiber.Ctx) error {
	return operate(c, func(ctx context.Context, query relay.ReverifyQuery) (ReverifiedList, error) {
		items, err := s.opts.Ports.Reverify.Reverify(ctx, query)
		return ReverifiedList{append([]relay.Reverified{}, items...)}, err
	})
}

// operate reads what is asked, an empty body for nothing in particular, and sends what work gives.
func operate[A, T any](c fiber.Ctx, work func(context.Context, A) (T, error)) error {
	var ask A
	if len(c.Body()) > 0 {
		if err := decode(c, &ask); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), operationTimeout)
	defer cancel()
	result, err := work(ctx, ask)
	if err != nil {
		return err
	}
	return c.JSON(result)
}
