// Package console is the operators' side of edrelay on the admin listener: the REST API under /api/v1 with its OpenAPI
// document, health, readiness and metrics, and the console in the browser.
package console

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/edrelay/edrelay/internal/linger"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/gofiber/fiber/v3"
	"github.com/prometheus/client_golang/prometheus"
)

// Options is what a console is made of. Listener, Token and Log are needed; the routes of a port that is nil do
// not exist.
type Options struct {
	Listener net.Listener
	Token    string // the admin token; 16 characters or more
	Version  string
	Log      *slog.Logger
	Metrics  prometheus.Gatherer
	Checks   []Check
	Ports    Ports
	Now      func() time.Time
	AsyncAPI []byte        // describes the events, served at /api/v1/asyncapi.json; nil: it is not there
	LameDuck time.Duration // how long requests are still taken at the end and kept connections said good-bye
	Drain    time.Duration // how long requests under way may take after that; default 10 s
	Secure   bool          // cookies only over TLS: set when a proxy before the listener speaks it
}

// Ports are the parts of edrelay that the console shows and steers.
type Ports = desk.Ports

// Check is one condition of readiness. Its error may be read by strangers, so only the public message of a relay.Error
// is shown.
type Check struct {
	Name   string
	Test   func(context.Context) error
	Advice bool // a failure is told and makes nothing unready
}

// Service serves the admin listener.
type Service struct {
	opts     Options
	app      *fiber.App
	desk     *desk.Desk
	routes   []route
	refusals refusals
	parting  atomic.Bool   // the listener is about to close
	stop     chan struct{} // closed when Run ends, so that live streams end too
}

const minTokenLength = 16

// New makes a console; Run serves it.
func New(opts Options) (*Service, error) {
	if opts.Listener == nil || opts.Log == nil {
		return nil, errors.New("console: Listener and Log are needed")
	}
	if len(opts.Token) < minTokenLength {
		return nil, relay.Errorf(relay.CodeInvalid, "admin.token must have at least %d characters", minTokenLength)
	}
	if opts.Drain <= 0 {
		opts.Drain = 10 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Ports.Figures != nil {
		opts.Ports.Figures = desk.Remember(opts.Ports.Figures, time.Now)
	}
	s := &Service{opts: opts, desk: &desk.Desk{Ports: opts.Ports}, stop: make(chan struct{})}
	s.app = fiber.New(fiber.Config{
		AppName:      "edrelay console",
		ErrorHandler: s.problem,
		Immutable:    true,
		BodyLimit:    4 << 20,
		ReadTimeout:  30 * time.Second,
		IdleTimeout:  2 * time.Minute,
	})
	s.app.Use(s.recoverPanic)
	s.app.Use(s.partWell)
	s.health()
	s.api()
	if err := s.browser(); err != nil {
		return nil, err
	}
	s.app.Use(lost)
	s.app.Server().Handler = s.knowMethod(s.app.Server().Handler)
	return s, nil
}

// Run serves until ctx is done, then lets running requests end and returns nil.
func (s *Service) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		failed <- s.app.Listener(linger.Listener{Listener: s.opts.Listener}, fiber.ListenConfig{DisableStartupMessage: true})
	}()
	if figures, ok := s.opts.Ports.Figures.(*desk.Remembered); ok {
		go s.keepWarm(ctx, figures)
	}
	s.opts.Log.Info("console listening", "addr", s.opts.Listener.Addr().String())
	select {
	case err := <-failed:
		close(s.stop)
		return err
	case <-ctx.Done():
	}
	s.parting.Store(true)
	time.Sleep(s.opts.LameDuck)
	close(s.stop)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Drain)
	defer cancel()
	if err := s.app.ShutdownWithContext(drain); err != nil {
		s.opts.Log.Warn("console stopped with requests running", "error", err)
	}
	return nil
}

// partWell tells callers, once the listener is about to close, that their connection won't be kept.
func (s *Service) partWell(c fiber.Ctx) error {
	err := c.Next()
	if s.parting.Load() { // asked after the work, which may have begun before
		c.RequestCtx().SetConnectionClose()
	}
	return err
}

// keepWarm counts the overview's figures ahead, so that whoever looks first does not wait for a large ledger.
func (s *Service) keepWarm(ctx context.Context, figures *desk.Remembered) {
	if s.desk.Ports.Log != nil && s.desk.Ports.Webhooks != nil {
		_, _ = s.desk.Overview(ctx, s.opts.Now()) // whoever looks hears what is wrong
	}
	figures.KeepWarm(ctx)
}
