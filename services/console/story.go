package console

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/gofiber/fiber/v3"
)

func (s *Service) storyRoutes() []route {
	ports := s.opts.Ports
	if ports.Webhooks == nil || ports.Enrollments == nil {
		return nil
	}
	routes := []route{{
		method: fiber.MethodGet, path: "/search", role: relay.RoleViewer, tag: "search", summary: "What happened to an order, learner, course, webhook or event",
		query: []param{text("q", "Order number or name, learner's address, course, id of a webhook or event.")}, answer: desk.Story{},
		handle: func(c fiber.Ctx) error {
			q := c.Query("q")
			return answer(c, func(ctx context.Context) (*desk.Story, error) { return s.desk.Story(ctx, q) })
		},
	}}
	if ports.Figures != nil && ports.Log != nil {
		routes = append(routes, route{
			method: fiber.MethodGet, path: "/overview", role: relay.RoleViewer, tag: "search", summary: "How edrelay fares, and what needs a person",
			answer: desk.Overview{}, handle: func(c fiber.Ctx) error {
				return answer(c, func(ctx context.Context) (*desk.Overview, error) { return s.desk.Overview(ctx, s.opts.Now()) })
			},
		})
	}
	return routes
}
