package console

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/web"
	"github.com/gofiber/fiber/v3"
)

// browser adds the console in the browser; it needs the ledger and the log.
func (s *Service) browser() error {
	ports := s.opts.Ports
	if ports.Webhooks == nil || ports.Enrollments == nil || ports.Figures == nil || ports.Log == nil {
		return nil
	}
	return web.Register(s.app, web.Options{
		Desk: s.desk, Access: s, Secret: []byte(s.opts.Token), Secure: s.opts.Secure, Version: version(s.opts.Version), Log: s.opts.Log,
		Now: s.opts.Now, Ready: s.checkAll, Failure: failureOf, Record: s.recordFor, Refused: s.refusedOn, Stop: s.stop,
	})
}

// Login gives the operator of a token for the console in the browser, and the hash of an API key.
func (s *Service) Login(ctx context.Context, token string) (relay.Operator, []byte, error) {
	who, err := s.identify(ctx, token)
	if err != nil || !strings.HasPrefix(token, keyPrefix) {
		return who, nil, err
	}
	hash := sha256.Sum256([]byte(token))
	return who, hash[:], nil
}

// Resume gives the operator of the API key with this hash while it is alive.
func (s *Service) Resume(ctx context.Context, hash []byte) (relay.Operator, error) {
	key, err := s.opts.Ports.Keys.APIKeyByHash(ctx, hash)
	if err != nil {
		return relay.Operator{}, err
	}
	if !s.alive(key) {
		return relay.Operator{}, relay.Errorf(relay.CodeUnauthorized, "this key is not alive any more")
	}
	return relay.Operator{Name: key.Name, Role: key.Role}, nil
}

// failureOf shows an error as a page does: the same words as the API's problem.
func failureOf(err error) web.Failure {
	p := problemOf(err)
	f := web.Failure{Status: p.Status, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
	switch {
	case p.Status == http.StatusNotFound && p.Hint != "": // it is known why
		f.Title = "Not here"
	case p.Status == http.StatusNotFound:
		f.Title, f.Detail = "Not here", "There is no such thing, or it is no longer kept."
	case p.Status >= http.StatusInternalServerError && f.Hint == "":
		f.Hint = "The log of edrelay says why. /readyz says what is missing."
	}
	return f
}

// checkAll runs the checks of readiness, those left out that the overview has an entry of its own for.
func (s *Service) checkAll(ctx context.Context) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	checks := s.readiness(ctx).Checks
	for _, check := range s.opts.Checks {
		if check.Advice {
			delete(checks, check.Name)
		}
	}
	return checks
}

// lost answers what no route knows.
func lost(c fiber.Ctx) error { return relay.Errorf(relay.CodeNotFound, "no such page") }
