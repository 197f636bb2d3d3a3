package console

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// WebhookDetail is one webhook with what came of it and, when Log still has it, its message.
type WebhookDetail struct {
	relay.Webhook
	Enrollments []relay.Enrollment `json:"enrollments"`
	Message     *relay.LogEntry    `json:"message"`
}

func (s *Service) webhookRoutes() []route {
	if s.opts.Ports.Webhooks == nil {
		return nil
	}
	return []route{
		listRoute(s, route{
			path: "/webhooks", role: relay.RoleViewer, tag: "webhooks", summary: "What came in, accepted or rejected",
			query: []param{
				oneOf("state", "Where it stands.", relay.WebhookAccepted, relay.WebhookDone, relay.WebhookIgnored, relay.WebhookParked, relay.WebhookRejected),
				text("source", "Name of the source."), text("topic", "Topic as the source names it."), text("order", "Number or name of the order."),
				moment("since", "Received at or after."), moment("until", "Received before."),
			},
		}, s.webhookListing),
		{
			method: fiber.MethodGet, path: "/webhooks/{id}", role: relay.RoleViewer, tag: "webhooks",
			summary: "One webhook with its enrolments and its payload", answer: WebhookDetail{},
			handle: func(c fiber.Ctx) error {
				id := c.Params("id")
				return answer(c, func(ctx context.Context) (WebhookDetail, error) { return s.webhookDetail(ctx, id) })
			},
		},
	}
}

func (s *Service) webhookListing(v values) listing[relay.Webhook] {
	q := relay.WebhookQuery{
		State: relay.WebhookState(v.text("state")), Source: v.text("source"), Topic: v.text("topic"), Order: v.text("order"),
		Since: v.time("since"), Until: v.time("until"),
	}
	return listing[relay.Webhook]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Webhook, error) {
			q := q
			q.Page = p
			return s.webhooks(ctx, q)
		},
		mark: webhookMark,
	}
}

func (s *Service) webhookDetail(ctx context.Context, id string) (WebhookDetail, error) {
	w, err := s.webhook(ctx, id)
	if err != nil {
		return WebhookDetail{}, err
	}
	detail := WebhookDetail{Webhook: w, Enrollments: []relay.Enrollment{}}
	if s.opts.Ports.Enrollments != nil && w.State != relay.WebhookRejected {
		rows, err := s.opts.Ports.Enrollments.Enrollments(ctx, relay.EnrollmentQuery{WebhookID: id, Page: relay.Page{Limit: pageSize}})
		if err != nil {
			return WebhookDetail{}, err
		}
		detail.Enrollments = append(detail.Enrollments, rows...)
	}
	stream := relay.StreamWebhooks
	if w.State == relay.WebhookRejected {
		stream = relay.StreamRejected
	}
	if detail.Message, err = s.message(ctx, stream, w.Sequence); err != nil {
		return WebhookDetail{}, err
	}
	return detail, nil
}
