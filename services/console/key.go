package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// keyPrefix starts every API key, so that secret scanners and people know one.
const keyPrefix = "edrk_"

// KeyRequest asks for an API key.
type KeyRequest struct {
	Name string     `json:"name"`
	Role relay.Role `json:"role"`
	TTL  string     `json:"ttl,omitempty"` // how long it lives, e.g. "720h"; empty: until it is revoked
}

// NewKey is a made API key; Key is shown this once.
type NewKey struct {
	relay.APIKey
	Key string `json:"key"`
}

func (s *Service) keyRoutes() []route {
	if s.opts.Ports.Keys == nil {
		return nil
	}
	return []route{
		listRoute(s, route{path: "/keys", role: relay.RoleAdmin, tag: "keys", summary: "API keys",
			query: []param{oneOf("state", "Only keys in this state.", relay.TokenActive, relay.TokenExpired, relay.TokenRevoked)},
		}, func(v values) listing[relay.APIKey] {
			state := relay.TokenState(v.text("state"))
			return listing[relay.APIKey]{
				read: func(ctx context.Context, p relay.Page) ([]relay.APIKey, error) {
					return s.opts.Ports.Keys.APIKeys(ctx, relay.APIKeyQuery{Page: p, State: state})
				},
				mark: func(k relay.APIKey) relay.Mark { return relay.Mark{Time: k.CreatedAt, ID: k.ID} },
			}
		}),
		{
			method: fiber.MethodPost, path: "/keys", role: relay.RoleAdmin, tag: "keys", summary: "Make an API key",
			about: "The key is in the answer and nowhere else.", body: KeyRequest{}, answer: NewKey{}, status: fiber.StatusCreated, handle: s.createKey,
		},
		{
			method: fiber.MethodDelete, path: "/keys/{id}", role: relay.RoleAdmin, tag: "keys", summary: "Revoke an API key",
			answer: relay.APIKey{}, handle: func(c fiber.Ctx) error {
				return answer(c, func(ctx context.Context) (relay.APIKey, error) {
					return s.opts.Ports.Keys.RevokeAPIKey(ctx, c.Params("id"))
				})
			},
		},
	}
}

func (s *Service) createKey(c fiber.Ctx) error {
	var ask KeyRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	if ask.Name == "" || len(ask.Name) > 100 {
		return relay.Errorf(relay.CodeInvalid, "name must have 1 to 100 characters")
	}
	if !ask.Role.Allows(relay.RoleViewer) {
		return relay.Errorf(relay.CodeInvalid, "role must be viewer, operator or admin")
	}
	key := relay.APIKey{ID: rand.Text()[:12], Name: ask.Name, Role: ask.Role, State: relay.TokenActive, CreatedAt: s.opts.Now().UTC()}
	if ask.TTL != "" {
		ttl, err := time.ParseDuration(ask.TTL)
		if err != nil || ttl <= 0 {
			return relay.Errorf(relay.CodeInvalid, "ttl must be a duration such as 720h")
		}
		end := key.CreatedAt.Add(ttl)
		key.ExpiresAt = &end
	}
	secret := keyPrefix + rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(secret))
	if err := s.opts.Ports.Keys.CreateAPIKey(c.Context(), key, hash[:]); err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(NewKey{APIKey: key, Key: secret})
}
