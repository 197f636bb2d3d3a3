// Package web is the console in the browser: pages made on the server, live updates by server-sent events, one style
// sheet and one small script, nothing from elsewhere.
package web

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
)

// Options is what the pages are made of; all fields are needed.
type Options struct {
	Desk    *desk.Desk
	Access  Access
	Secret  []byte // signs sessions; changing it ends them all
	Secure  bool   // cookies only over TLS
	Version string
	Log     *slog.Logger
	Now     func() time.Time
	Ready   func(context.Context) map[string]string // name of a check: "ok", or what is wrong
	Failure func(error) Failure
	Record  func(ctx context.Context, who relay.Operator, action, target string, status int)
	Refused func(c fiber.Ctx, who relay.Operator, action, target string, err error) // somebody was not let in, or may not do this
	Stop    <-chan struct{}                                                         // closed when live streams must end
}

// Access tells who is asking.
type Access interface {
	// Login gives the operator of a token, and what Resume needs to know the key again (nil for the admin token).
	Login(ctx context.Context, token string) (relay.Operator, []byte, error)
	// Resume gives the operator of a key that is still alive.
	Resume(ctx context.Context, key []byte) (relay.Operator, error)
}

// Failure is an error as a page shows it.
type Failure struct {
	Status              int
	Title, Detail, Hint string
}

// site serves the pages.
type site struct {
	Options
	desk  *desk.Desk
	pages *pages
	pulse *pulse
	keys  sessionKeys
}

//go:embed page asset
var files embed.FS

// Register adds the pages to the app.
func Register(app fiber.Router, opts Options) error {
	pages, err := parsePages()
	if err != nil {
		return err
	}
	s := &site{Options: opts, desk: opts.Desk, pages: pages, keys: newSessionKeys(opts.Secret)}
	s.pulse = newPulse(s.beat, opts.Stop)
	assets, err := fs.Sub(files, "asset")
	if err != nil {
		return err
	}
	app.Get("/assets/:name", func(c fiber.Ctx) error { return s.asset(c, assets) })
	app.Get("/login", s.handle(s.loginPage))
	app.Post("/login", s.handle(s.login))
	for _, r := range s.rooms() {
		app.Add([]string{r.method}, r.path, s.handle(s.inside(r)))
	}
	app.Use(s.nowhere)
	return nil
}

// nowhere shows browsers a page where programs hear a problem: what they ask for has no room.
func (s *site) nowhere(c fiber.Ctx) error {
	if c.Accepts(fiber.MIMEApplicationJSON, fiber.MIMETextHTML) != fiber.MIMETextHTML {
		return c.Next()
	}
	return s.handle(func(fiber.Ctx) error {
		return &relay.Error{Code: relay.CodeNotFound, Message: "There is no such page.", Hint: "The rooms beside and the search above lead to what there is."}
	})(c)
}

// room is one page, or one thing that a page can do.
type room struct {
	method, path string
	role         relay.Role
	enter        func(fiber.Ctx, *visit) error
}

func (s *site) rooms() []room {
	view := func(path string, enter func(fiber.Ctx, *visit) error) room {
		return room{fiber.MethodGet, path, relay.RoleViewer, enter}
	}
	list := []room{
		view("/", s.overview), view("/search", s.story), view("/live", s.live), view("/settings", s.settings),
		view("/webhooks", s.webhooks), view("/webhooks/:id", s.webhook), view("/rejected", s.rejected),
		view("/enrollments", s.enrollments), view("/enrollments/:id", s.enrollment),
		view("/events", s.events), view("/events/:sequence", s.event),
		{fiber.MethodGet, "/trail", relay.RoleAdmin, s.trail},
		{fiber.MethodPost, "/logout", relay.RoleViewer, s.logout},
	}
	if s.desk.Ports.Retry != nil {
		list = append(list, room{fiber.MethodPost, "/enrollments/:id/retry", relay.RoleOperator, s.retry},
			room{fiber.MethodPost, "/enrollments", relay.RoleOperator, s.retryAll})
	}
	if s.desk.Ports.Reverify != nil {
		list = append(list, room{fiber.MethodPost, "/webhooks/:id/reverify", relay.RoleOperator, s.reverify},
			room{fiber.MethodPost, "/rejected", relay.RoleOperator, s.reverifyAll})
	}
	if s.desk.Ports.Learners != nil {
		list = append(list, view("/erasures", s.erasures), view("/erasures/:id", s.erasure),
			room{fiber.MethodPost, "/learner", relay.RoleOperator, s.learner}, room{fiber.MethodPost, "/learner/forget", relay.RoleAdmin, s.forgetLearner})
	}
	return append(list, s.outRooms()...)
}
