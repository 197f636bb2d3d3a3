package console

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/gofiber/fiber/v3"
)

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
			summary: "One webhook with its enrolments and its payload", answer: desk.WebhookDetail{},
			handle: func(c fiber.Ctx) error {
				id := c.Params("id")
				return answer(c, func(ctx context.Context) (desk.WebhookDetail, error) { return s.desk.Webhook(ctx, id) })
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
			return s.desk.Webhooks(ctx, q)
		},
		mark: desk.WebhookMark,
	}
}
