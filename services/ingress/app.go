package ingress

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// concurrency bounds the connections served at once, and with the body limit the memory that strangers can take.
const concurrency = 4096

// newApp makes the HTTP server: bodies as they are on the wire, nothing told to strangers but the status and a
// short sentence.
func (s *Service) newApp() *fiber.App {
	o := s.options
	app := fiber.New(fiber.Config{
		AppName:                      "edrelay",
		BodyLimit:                    o.BodyLimit,
		StreamRequestBody:            true, // takeBody reads it
		ReadBufferSize:               o.HeaderLimit,
		ReadTimeout:                  o.ReadTimeout,
		WriteTimeout:                 o.ReadTimeout,
		IdleTimeout:                  time.Minute,
		Concurrency:                  concurrency,
		CaseSensitive:                true,
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 s.serverError,
		ProxyHeader:                  fiber.HeaderXForwardedFor,
		TrustProxy:                   true,
		TrustProxyConfig:             fiber.TrustProxyConfig{Proxies: o.TrustedProxies},
		EnableIPValidation:           true,
	})
	app.Server().HeaderReceived = markOversize(o.BodyLimit)
	app.Use(s.partWell, s.takeBody)
	for _, path := range s.doors.paths() {
		app.All(path, s.guarded(s.shared))
		if s.doors.byPath[path].route.Secret {
			app.All(path+"/:secret", s.guarded(s.shared))
		}
	}
	app.All(namedPrefix+":source", s.guarded(s.named))
	app.Server().Handler = s.knowMethod(app, app.Server().Handler)
	return app
}

// knowMethod answers what Fiber would answer with a bare 501 as everything else is. The body is not read, so the
// connection ends with the answer.
func (s *Service) knowMethod(app *fiber.App, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	known := app.Config().RequestMethods
	return func(r *fasthttp.RequestCtx) {
		if slices.ContainsFunc(known, func(method string) bool { return string(r.Method()) == method }) {
			next(r)
			return
		}
		r.SetConnectionClose()
		c := app.AcquireCtx(r)
		defer app.ReleaseCtx(c)
		_ = s.serverError(c, fiber.ErrNotImplemented)
	}
}

// guarded turns a panic into a 500 and a log line, for a stranger's bytes must not end the process.
func (s *Service) guarded(handler fiber.Handler) fiber.Handler {
	return func(c fiber.Ctx) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				s.options.Log.Error("request ended in a panic", "path", c.Route().Path, "cause", fmt.Sprintf("%T", cause),
					"stack", string(debug.Stack()))
				s.metrics.panics.Inc()
				err = fiber.ErrInternalServerError
			}
		}()
		s.options.Live.Begin()
		defer s.options.Live.End()
		return handler(c)
	}
}

// serverError answers what never reached a source: unknown paths, requests too large or too slow, broken HTTP.
func (s *Service) serverError(c fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	if failure, ok := errors.AsType[*fiber.Error](err); ok {
		status = failure.Code
	}
	if status == fiber.StatusBadGateway { // what Fiber calls a connection that broke while it was read
		status = fiber.StatusBadRequest
	}
	if status == fiber.StatusInternalServerError {
		s.options.Log.Error("request failed", "path", c.Route().Path, "error", err)
	}
	s.metrics.refused.WithLabelValues(fmt.Sprint(status)).Inc()
	if status != fiber.StatusMethodNotAllowed { // Fiber lists methods for requests that it refuses for anything
		c.Response().Header.Del(fiber.HeaderAllow)
	}
	return writeProblem(c, status, sentence(status))
}

func sentence(status int) string {
	switch status {
	case fiber.StatusNotFound:
		return "There is nothing at this path."
	case fiber.StatusMethodNotAllowed:
		return "This path takes POST only."
	case fiber.StatusRequestEntityTooLarge:
		return "The body is larger than this server takes."
	case fiber.StatusRequestHeaderFieldsTooLarge:
		return "The headers are larger than this server takes."
	case fiber.StatusRequestTimeout:
		return "The request took too long to arrive."
	case fiber.StatusNotImplemented:
		return "This method is not known."
	case fiber.StatusBadRequest:
		return "The request is not valid HTTP."
	}
	return "Internal error."
}

// problem is the door's own answer to what it does not take: RFC 9457, and the sentence once more under the name that the
// senders' own contracts use.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Error  string `json:"error"`
}

func writeProblem(c fiber.Ctx, status int, message string) error {
	body, err := json.Marshal(problem{"about:blank", http.StatusText(status), status, message, message})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Status(status).Send(body)
}

// partWell tells senders, once the door is about to close, that their connection won't be kept: one closed while it
// seems idle would take a request with it that is on its way.
func (s *Service) partWell(c fiber.Ctx) error {
	err := c.Next()
	if s.parting.Load() { // asked after the work, which may have begun before
		c.RequestCtx().SetConnectionClose()
	}
	return err
}
