package console

import (
	"context"
	"strconv"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/gofiber/fiber/v3"
)

func (s *Service) eventRoutes() []route {
	if s.opts.Ports.Log == nil {
		return nil
	}
	return []route{
		listRoute(s, route{
			path: "/events", role: relay.RoleViewer, tag: "events", summary: "The event log",
			query: []param{
				text("type", "Exact type, or a prefix ending in *."), text("source", "CloudEvents source."), text("id", "CloudEvents id."),
				moment("since", "Stored at or after."), moment("until", "Stored before."),
			},
		}, s.eventListing),
		{
			method: fiber.MethodGet, path: "/events/{sequence}", role: relay.RoleViewer, tag: "events", summary: "One event with its payload",
			about: "By sequence in the log, or by CloudEvents id.", answer: desk.EventDetail{}, handle: func(c fiber.Ctx) error {
				key := c.Params("sequence")
				return answer(c, func(ctx context.Context) (desk.EventDetail, error) { return s.desk.Event(ctx, key) })
			},
		},
	}
}

func (s *Service) eventListing(v values) listing[relay.Event] {
	q := relay.EventQuery{
		Type: v.text("type"), Source: v.text("source"), ID: v.text("id"), Since: v.time("since"), Until: v.time("until"),
	}
	return listing[relay.Event]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Event, error) {
			q := q
			q.Page = p
			return s.desk.Events(ctx, q)
		},
		mark: func(e relay.Event) relay.Mark { return relay.Mark{ID: strconv.FormatUint(e.Sequence, 10)} },
	}
}
