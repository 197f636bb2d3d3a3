package lmssim

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// The parts of the simulator's state that a test arranges and compares.
type (
	// User is one account.
	User = campus.User
	// Course is one course run.
	Course = campus.Course
	// Enrollment is one account in one course.
	Enrollment = campus.Enrollment
	// Allowance lets an address without an active account into a course later.
	Allowance = campus.Allowance
	// Mail is one message that a learner would have got.
	Mail = campus.Mail
	// Audit is the platform's row about one learner of a bulk call.
	Audit = campus.Audit
	// About is what a course's about page answers.
	About = campus.About
)

// What an about page can do.
const (
	AboutPage    = campus.AboutPage    // 200
	AboutLogin   = campus.AboutLogin   // 302 to /login?next=…
	AboutMFE     = campus.AboutMFE     // 302 to another host
	AboutMissing = campus.AboutMissing // 404
)

// Server is the simulated Open edX. Safe for concurrent use.
type Server struct {
	opt       Options
	campus    *campus.Campus
	settings  settings
	clients   clients
	tokens    tokens
	redirects redirects
	faults    faults
	calls     requestLog
	throttle  throttle // enrolment calls, by user
	perIP     throttle // token calls, by address
	sink      sink
	signer    signer
	control   http.Handler
	exactURLs []view // the table of routes
	loose     []view // the same with the legacy form of bulk enrolment
}

type settings struct {
	mu  sync.RWMutex
	now Settings
}

func (s *settings) get() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now
}

// New makes a simulator without users, courses and clients. Settings that name no profile or form of the platform
// count as their defaults.
func New(opt Options) *Server {
	opt = opt.withDefaults()
	s := &Server{opt: opt}
	s.campus = campus.New(campus.Options{
		Now:           s.now,
		CaseSensitive: opt.CaseSensitive,
		KeepMails:     opt.KeepMails,
		KeepAudit:     opt.KeepAudit,
	})
	s.signer.secret = []byte(opt.JWTSecret)
	s.calls.keep = opt.KeepRequests
	s.control = s.controlHandler()
	s.exactURLs, s.loose = s.routes(exact), s.routes(anything)
	s.Reset()
	return s
}

// now is the platform's clock, skew included.
func (s *Server) now() time.Time {
	return s.opt.Now().Add(time.Duration(s.settings.get().ClockSkew))
}

// Settings gives what is in force.
func (s *Server) Settings() Settings { return s.settings.get() }

// Configure puts other settings in force; the error names the value that can't be.
func (s *Server) Configure(set Settings) error {
	set, err := set.withDefaults()
	if err != nil {
		return err
	}
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	s.settings.now = set
	return nil
}

// Reset forgets everything and goes back to the settings that New was given.
func (s *Server) Reset() {
	if err := s.Configure(s.opt.Settings); err != nil {
		s.opt.Logger.Error("settings refused, defaults are in force", "error", err)
		_ = s.Configure(Settings{})
	}
	s.campus.Reset()
	s.clients.reset()
	s.tokens.reset()
	s.redirects.reset()
	s.faults.reset()
	s.calls.reset()
	s.throttle.reset()
	s.perIP.reset()
	s.sink.reset()
}

// Serve answers on ln until ctx is done, then closes every connection and returns nil.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.opt.Logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(ln)
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return err
}
