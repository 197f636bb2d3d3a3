package web

import (
	"context"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
)

func (s *site) webhooks(c fiber.Ctx, v *visit) error {
	q := relay.WebhookQuery{
		State: relay.WebhookState(asked(c, "state")), Source: asked(c, "source"), Topic: asked(c, "topic"), Order: asked(c, "order"),
	}
	rows, err := s.webhookRows(c, v, q, []field{
		{Name: "state", Label: "State", Options: oneOf(
			relay.WebhookAccepted, relay.WebhookDone, relay.WebhookIgnored, relay.WebhookParked, relay.WebhookRejected)},
		{Name: "source", Label: "Source"}, {Name: "topic", Label: "Topic"}, {Name: "order", Label: "Order"},
	})
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"No webhook yet", "Point a shop at the door, or send one with edrelay source test NAME."}
	return s.show(c, v, "webhooks", "/webhooks", "Webhooks", rows)
}

func (s *site) rejected(c fiber.Ctx, v *visit) error {
	rows, err := s.webhookRows(c, v, relay.WebhookQuery{State: relay.WebhookRejected, Source: asked(c, "source")}, []field{{Name: "source", Label: "Source"}})
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"Nothing was refused", "What fails verification is kept here for a while, so that it can be verified again after a secret is mended."}
	return s.show(c, v, "rejected", "/rejected", "Rejected", rows)
}

func (s *site) webhookRows(c fiber.Ctx, v *visit, q relay.WebhookQuery, fields []field) (rowsView[relay.Webhook], error) {
	return readRows(c, v.ctx, fields, func(ctx context.Context, p relay.Page) ([]relay.Webhook, error) {
		q.Page = p
		return s.desk.Webhooks(ctx, q)
	}, desk.WebhookMark)
}

func (s *site) webhook(c fiber.Ctx, v *visit) error {
	detail, err := s.desk.Webhook(v.ctx, clean(c.Params("id")))
	if err != nil {
		return err
	}
	room := "/webhooks"
	if detail.State == relay.WebhookRejected {
		room = "/rejected"
	}
	return s.show(c, v, "webhook", room, "Webhook "+detail.ID, detail)
}
