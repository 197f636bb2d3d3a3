package console

import (
	"context"
	"net/url"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// NATSUserRequest asks for NATS credentials.
type NATSUserRequest struct {
	Name  string   `json:"name"`
	Allow []string `json:"allow"` // subjects of events, e.g. "events.org.openedx.learning.>"
}

func (s *Service) natsUserRoutes() []route {
	if s.opts.Ports.NATSUsers == nil {
		return nil
	}
	return []route{
		listRoute(s, route{path: "/nats-users", role: relay.RoleAdmin, tag: "nats users", summary: "Services that read events from NATS",
			query: []param{oneOf("state", "Only users in this state.", relay.TokenActive, relay.TokenRevoked)}},
			func(v values) listing[relay.NATSUser] {
				state := relay.TokenState(v.text("state"))
				return listing[relay.NATSUser]{
					read: func(ctx context.Context, p relay.Page) ([]relay.NATSUser, error) {
						return s.opts.Ports.NATSUsers.List(ctx, relay.NATSUserQuery{Page: p, State: state})
					},
					mark: func(u relay.NATSUser) relay.Mark { return relay.Mark{Time: u.CreatedAt, ID: u.Name} },
				}
			}),
		{
			method: fiber.MethodPost, path: "/nats-users", role: relay.RoleAdmin, tag: "nats users", summary: "Make NATS credentials",
			about: "They are in the answer and nowhere else; they read the subjects, live and from the stream, and nothing else.",
			body:  NATSUserRequest{}, answer: relay.NATSCredentials{}, status: fiber.StatusCreated, handle: s.addNATSUser,
		},
		{
			method: fiber.MethodDelete, path: "/nats-users/{name}", role: relay.RoleAdmin, tag: "nats users",
			summary: "Revoke NATS credentials", about: "Connections that use them are closed at once.",
			answer: relay.NATSUser{}, handle: func(c fiber.Ctx) error {
				name, err := url.PathUnescape(c.Params("name"))
				if err != nil {
					return relay.ErrNotFound
				}
				return answer(c, func(ctx context.Context) (relay.NATSUser, error) { return s.opts.Ports.NATSUsers.Revoke(ctx, name) })
			},
		},
	}
}

func (s *Service) addNATSUser(c fiber.Ctx) error {
	var ask NATSUserRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), readTimeout)
	defer cancel()
	made, err := s.opts.Ports.NATSUsers.Add(ctx, ask.Name, ask.Allow)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(made)
}
