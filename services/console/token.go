package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// Prefixes of bearer tokens and client secrets, so that secret scanners and people know one.
const (
	tokenPrefix  = "edrt_"
	secretPrefix = "edrs_"
)

// Lifetimes of tokens, and how long a client's old secret is good beside its new one.
const (
	defaultTokenTTL = 8760 * time.Hour
	defaultGrace    = 24 * time.Hour
)

// TokenRequest asks for a bearer token of the enrolment endpoint.
type TokenRequest struct {
	Name  string `json:"name"`
	Staff bool   `json:"staff"`
	TTL   string `json:"ttl,omitempty"` // e.g. "8760h", which is the default
}

// NewToken is a made token; Token is shown this once.
type NewToken struct {
	relay.Token
	Text string `json:"token"`
}

// ClientRequest asks for a client of the token endpoint.
type ClientRequest struct {
	Name  string `json:"name"`
	Staff bool   `json:"staff"`
}

// RotateRequest asks for a further secret of a client.
type RotateRequest struct {
	Grace string `json:"grace,omitempty"` // how long the old secrets are good, e.g. "24h", which is the default
}

// NewClient is a client with a secret made for it; the secret is shown this once.
type NewClient struct {
	relay.Client
	Secret string `json:"client_secret"`
}

func (s *Service) tokenRoutes() []route {
	if s.opts.Ports.Tokens == nil {
		return nil
	}
	return []route{
		listRoute(s, route{path: "/tokens", role: relay.RoleAdmin, tag: "tokens", summary: "Bearer tokens of the enrolment endpoint",
			query: []param{oneOf("state", "Whether it opens anything.", relay.TokenActive, relay.TokenExpired, relay.TokenRevoked)}}, s.tokenListing),
		{
			method: fiber.MethodPost, path: "/tokens", role: relay.RoleAdmin, tag: "tokens", summary: "Make a bearer token",
			about: "The token is in the answer and nowhere else.", body: TokenRequest{}, answer: NewToken{}, status: fiber.StatusCreated,
			handle: s.createToken,
		},
		{
			method: fiber.MethodDelete, path: "/tokens/{id}", role: relay.RoleAdmin, tag: "tokens", summary: "Revoke a bearer token",
			about: "It is refused from this moment on, by every process.", status: fiber.StatusNoContent, handle: func(c fiber.Ctx) error {
				ctx, cancel := context.WithTimeout(c.Context(), readTimeout)
				defer cancel()
				if err := s.opts.Ports.Tokens.RevokeToken(ctx, c.Params("id")); err != nil {
					return err
				}
				return c.SendStatus(fiber.StatusNoContent)
			},
		},
	}
}

func (s *Service) tokenListing(v values) listing[relay.Token] {
	state := v.text("state")
	return listing[relay.Token]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Token, error) {
			return s.opts.Ports.Tokens.Tokens(ctx, relay.TokenQuery{Page: p, State: state})
		},
		mark: func(t relay.Token) relay.Mark { return relay.Mark{Time: t.CreatedAt, ID: t.ID} },
	}
}

func (s *Service) clientRoutes() []route {
	if s.opts.Ports.Tokens == nil {
		return nil
	}
	return []route{
		listRoute(s, route{path: "/clients", role: relay.RoleAdmin, tag: "clients", summary: "Clients of the token endpoint",
			query: []param{oneOf[string]("state", "Whether it may fetch tokens.", "active", "disabled")}}, s.clientListing),
		{
			method: fiber.MethodPost, path: "/clients", role: relay.RoleAdmin, tag: "clients", summary: "Make a client of the token endpoint",
			about: "Its secret is in the answer and nowhere else.", body: ClientRequest{}, answer: NewClient{}, status: fiber.StatusCreated,
			handle: s.createClient,
		},
		{
			method: fiber.MethodPost, path: "/clients/{id}/rotate", role: relay.RoleAdmin, tag: "clients", summary: "Make a new secret for a client",
			about: "The old ones are good for the grace time, so that nothing stands still.", body: RotateRequest{}, answer: NewClient{}, handle: s.rotateClient,
		},
		{
			method: fiber.MethodPost, path: "/clients/{id}/disable", role: relay.RoleAdmin, tag: "clients", summary: "Disable a client and all its tokens",
			answer: relay.Client{}, handle: func(c fiber.Ctx) error {
				return answer(c, func(ctx context.Context) (relay.Client, error) {
					return s.opts.Ports.Tokens.DisableClient(ctx, c.Params("id"))
				})
			},
		},
	}
}

func (s *Service) clientListing(v values) listing[relay.Client] {
	state := v.text("state")
	return listing[relay.Client]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Client, error) {
			return s.opts.Ports.Tokens.Clients(ctx, relay.TokenQuery{Page: p, State: state})
		},
		mark: func(client relay.Client) relay.Mark { return relay.Mark{Time: client.CreatedAt, ID: client.ID} },
	}
}

// secretText makes a secret and its SHA-256.
func secretText(prefix string) (text string, hash []byte) {
	text = prefix + rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(text))
	return text, sum[:]
}

func checkName(name string) error {
	if name == "" || len(name) > 100 {
		return relay.Errorf(relay.CodeInvalid, "name must have 1 to 100 characters")
	}
	return nil
}

// lifetime reads a duration of a request.
func lifetime(key, text string, missing time.Duration) (time.Duration, error) {
	if text == "" {
		return missing, nil
	}
	span, err := time.ParseDuration(text)
	if err != nil || span < 0 {
		return 0, relay.Errorf(relay.CodeInvalid, "%s must be a duration such as 720h", key)
	}
	return span, nil
}

func (s *Service) createToken(c fiber.Ctx) error {
	var ask TokenRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	ttl, err := lifetime("ttl", ask.TTL, defaultTokenTTL)
	if err == nil && ttl == 0 {
		err = relay.Errorf(relay.CodeInvalid, "ttl must be longer than nothing")
	}
	if err == nil {
		err = checkName(ask.Name)
	}
	if err != nil {
		return err
	}
	now := s.opts.Now().UTC()
	token := relay.Token{ID: rand.Text()[:12], Name: ask.Name, Staff: ask.Staff, State: relay.TokenActive, CreatedAt: now, ExpiresAt: now.Add(ttl)}
	text, hash := secretText(tokenPrefix)
	if err := s.opts.Ports.Tokens.CreateToken(c.Context(), token, hash); err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(NewToken{Token: token, Text: text})
}

func (s *Service) createClient(c fiber.Ctx) error {
	var ask ClientRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	if err := checkName(ask.Name); err != nil {
		return err
	}
	client := relay.Client{ID: "edrc_" + rand.Text()[:16], Name: ask.Name, Staff: ask.Staff, State: "active", CreatedAt: s.opts.Now().UTC()}
	text, hash := secretText(secretPrefix)
	if err := s.opts.Ports.Tokens.CreateClient(c.Context(), client, hash); err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(NewClient{Client: client, Secret: text})
}

func (s *Service) rotateClient(c fiber.Ctx) error {
	var ask RotateRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	grace, err := lifetime("grace", ask.Grace, defaultGrace)
	if err != nil {
		return err
	}
	text, hash := secretText(secretPrefix)
	return answer(c, func(ctx context.Context) (NewClient, error) {
		client, err := s.opts.Ports.Tokens.RotateClient(ctx, c.Params("id"), hash, s.opts.Now().Add(grace))
		return NewClient{Client: client, Secret: text}, err
	})
}
