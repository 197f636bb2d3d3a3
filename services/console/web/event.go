package web

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

func (s *site) events(c fiber.Ctx, v *visit) error {
	q := relay.EventQuery{Type: asked(c, "type"), Source: asked(c, "source"), ID: asked(c, "id")}
	fields := []field{{Name: "type", Label: "Type, or prefix*"}, {Name: "source", Label: "Source"}, {Name: "id", Label: "Id"}}
	rows, err := readRows(c, v.ctx, fields, func(ctx context.Context, p relay.Page) ([]relay.Event, error) {
		q.Page = p
		return s.desk.Events(ctx, q)
	}, func(e relay.Event) relay.Mark { return relay.Mark{ID: strconv.FormatUint(e.Sequence, 10)} })
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"No event yet", "They come from Open edX over the bridge or the plugin, and from edrelay itself."}
	return s.show(c, v, "events", "/events", "Events", rows)
}

func (s *site) event(c fiber.Ctx, v *visit) error {
	detail, err := s.desk.Event(v.ctx, clean(c.Params("sequence")))
	if err != nil {
		return err
	}
	return s.show(c, v, "event", "/events", detail.Type, detail)
}
