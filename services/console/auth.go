package console

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// operatorKey is the type of the request value that holds who is asking.
type operatorKey struct{}

// operator gives who is asking; nobody has no role.
func operator(c fiber.Ctx) relay.Operator {
	who, _ := c.Locals(operatorKey{}).(relay.Operator)
	return who
}

// authenticate lets bearers of the admin token or of a living API key through.
func (s *Service) authenticate(c fiber.Ctx) error {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return &relay.Error{
			Code: relay.CodeUnauthorized, Message: "a bearer token is needed",
			Hint: "send Authorization: Bearer with the admin token or an API key",
		}
	}
	who, err := s.identify(c.Context(), strings.TrimSpace(token))
	if relay.CodeOf(err) == relay.CodeUnauthorized {
		s.refused(c, who, c.Method()+" "+apiPrefix, "", fiber.StatusUnauthorized)
	}
	if err != nil {
		return err
	}
	c.Locals(operatorKey{}, who)
	return c.Next()
}

// identify tells whose token this is, also of a dead key, with an error then. Comparing hashes takes the same time for
// every wrong token.
func (s *Service) identify(ctx context.Context, token string) (relay.Operator, error) {
	hash := sha256.Sum256([]byte(token))
	admin := sha256.Sum256([]byte(s.opts.Token))
	if subtle.ConstantTimeCompare(hash[:], admin[:]) == 1 {
		return relay.Operator{Name: "admin", Role: relay.RoleAdmin}, nil
	}
	unknown := &relay.Error{
		Code: relay.CodeUnauthorized, Message: "this token is not known",
		Hint: "use the admin token (file admin.token in the data dir) or a living API key",
	}
	if s.opts.Ports.Keys == nil || !strings.HasPrefix(token, keyPrefix) {
		return relay.Operator{}, unknown
	}
	key, err := s.opts.Ports.Keys.APIKeyByHash(ctx, hash[:])
	if errors.Is(err, relay.ErrNotFound) || relay.CodeOf(err) == relay.CodeNotFound {
		return relay.Operator{}, unknown
	}
	if err != nil {
		return relay.Operator{}, &relay.Error{Code: relay.CodeUnavailable, Message: "keys can't be checked now", Err: err}
	}
	if !s.alive(key) {
		return relay.Operator{Name: key.Name}, unknown
	}
	return relay.Operator{Name: key.Name, Role: key.Role}, nil
}

func (s *Service) alive(key relay.APIKey) bool { return key.StateAt(s.opts.Now()) == relay.TokenActive }
