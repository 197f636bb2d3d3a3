package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// Problem is the body of every error answer: RFC 9457 with edrelay's code and hint.
type Problem struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Detail string     `json:"detail"`
	Code   relay.Code `json:"code"`
	Hint   string     `json:"hint,omitempty"`
}

var statusOf = map[relay.Code]int{
	relay.CodeInvalid:         http.StatusBadRequest,
	relay.CodeUnauthorized:    http.StatusUnauthorized,
	relay.CodePaymentRequired: http.StatusPaymentRequired,
	relay.CodeForbidden:       http.StatusForbidden,
	relay.CodeNotFound:        http.StatusNotFound,
	relay.CodeMethod:          http.StatusMethodNotAllowed,
	relay.CodeConflict:        http.StatusConflict,
	relay.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	relay.CodeUnsupported:     http.StatusUnsupportedMediaType,
	relay.CodeKeyReused:       http.StatusUnprocessableEntity,
	relay.CodeLimited:         http.StatusTooManyRequests,
	relay.CodeInternal:        http.StatusInternalServerError,
	relay.CodeUnknownMethod:   http.StatusNotImplemented,
	relay.CodeUnavailable:     http.StatusServiceUnavailable,
}

// problemOf makes the answer of an error. Only a relay.Error's public sentence gets out.
func problemOf(err error) Problem {
	err = fromFiber(err)
	code := relay.CodeOf(err)
	status, known := statusOf[code]
	if !known {
		status = http.StatusInternalServerError
	}
	p := Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: relay.PublicMessage(err), Code: code,
	}
	if e, ok := errors.AsType[*relay.Error](err); ok {
		p.Hint = e.Hint
	}
	return p
}

// fromFiber gives the framework's own refusals (body too large, no such method) a code.
func fromFiber(err error) error {
	e, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		return err
	}
	for code, status := range statusOf {
		if status == e.Code {
			return &relay.Error{Code: code, Message: http.StatusText(status), Err: err}
		}
	}
	if e.Code >= http.StatusInternalServerError {
		return &relay.Error{Code: relay.CodeInternal, Err: err}
	}
	return &relay.Error{Code: relay.CodeInvalid, Message: http.StatusText(e.Code), Err: err}
}

// problem is the one place where an error becomes an answer: problem+json for the API, a page for browsers.
func (s *Service) problem(c fiber.Ctx, err error) error {
	p := problemOf(err)
	if p.Code == relay.CodeNotFound && p.Detail == relay.ErrNotFound.Message {
		p.Detail, p.Hint = missing(c)
	}
	if p.Status >= http.StatusInternalServerError && p.Code != relay.CodeUnknownMethod {
		s.opts.Log.Error("console request failed", "method", c.Method(), "route", routeOf(c), "code", p.Code, "error", err)
	}
	if p.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="edrelay"`)
	}
	if p.Status == http.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, "5")
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(p.Status).JSON(p, "application/problem+json")
}

// missing says what the path names and does not exist, and how to see what does.
func missing(c fiber.Ctx) (detail, hint string) {
	collection, name, named := strings.Cut(strings.TrimPrefix(routeOf(c), apiPrefix+"/"), "/:")
	thing, known := thingOf[collection]
	if !named || !known {
		return relay.ErrNotFound.Message, ""
	}
	name, _, _ = strings.Cut(name, "/")
	asked := c.Params(name)
	if plain, err := url.PathUnescape(asked); err == nil {
		asked = plain
	}
	return fmt.Sprintf("There is no %s %.100q.", thing.name, asked), "`edrelay " + thing.list + "` shows those there are."
}

// thingOf gives what a path lists, and the command that lists it.
var thingOf = map[string]struct{ name, list string }{
	"clients": {"client", "client ls"}, "deliveries": {"delivery", "delivery ls"}, "enrollments": {"enrolment", "enrollment ls"},
	"erasures": {"erasure", "learner erasures"}, "events": {"event", "event ls"}, "filters": {"filter", "filter ls"}, "keys": {"key", "key ls"},
	"nats-users": {"NATS user", "nats-user ls"}, "replays": {"replay", "replay ls"}, "roster": {"entry of the roster", "roster ls"},
	"sources": {"source", "source ls"}, "subscriptions": {"subscription", "subscription ls"}, "tokens": {"token", "token ls"},
	"webhooks": {"webhook", "webhook ls"},
}

// recoverPanic turns a defect into a 500 that is logged with its stack.
func (s *Service) recoverPanic(c fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.opts.Log.Error("console panicked", "method", c.Method(), "route", routeOf(c), "panic", r, "stack", string(debug.Stack()))
			err = &relay.Error{Code: relay.CodeInternal}
		}
	}()
	return c.Next()
}

// routeOf gives the pattern of the route that answers, never the path with its ids.
func routeOf(c fiber.Ctx) string {
	if r := c.Route(); r != nil && r.Path != "" {
		return strings.TrimSuffix(r.Path, "/")
	}
	return ""
}
