package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/linger"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/internal/traffic"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Options are what the door needs. Zero values of the limits have the defaults named.
type Options struct {
	Listener       net.Listener
	Sources        *source.Registry
	Publish        source.Publisher
	Outcomes       Outcomes // nil: no source waits for an outcome
	BodyLimit      int      // bytes, 1 MiB
	HeaderLimit    int      // bytes of a request's head, 16 KiB
	TrustedProxies []string // addresses and networks whose X-Forwarded-For is believed
	ReadTimeout    time.Duration
	PublishTimeout time.Duration // how long the log may take before the sender hears 503; 4 s, below Shopify's 5
	DrainTimeout   time.Duration // how long requests under way may take at the end; 10 s
	LameDuck       time.Duration // before that, how long requests are still taken and kept connections said good-bye; 500 ms
	Now            func() time.Time
	Log            *slog.Logger
	Metrics        prometheus.Registerer // nil: none are kept
	Tracer         *telemetry.Tracer     // nil: no spans
	Live           *traffic.Live         // counts the requests under way; nil: nobody gives way to them
}

// Service is the door.
type Service struct {
	options  Options
	app      *fiber.App
	doors    *doors
	metrics  *metrics
	rejected *rejected
	outcomes *outcomes
	parting  atomic.Bool // the door is about to close
}

// New makes the door. It listens from Run on.
func New(o Options) (*Service, error) {
	switch {
	case o.Listener == nil:
		return nil, errors.New("ingress: a listener is wanted")
	case o.Sources == nil:
		return nil, errors.New("ingress: sources are wanted")
	case o.Publish == nil:
		return nil, errors.New("ingress: a publisher is wanted")
	}
	o = o.withDefaults()
	s := &Service{options: o, doors: newDoors(Kinds(), o.Sources)}
	s.metrics = newMetrics(o.Metrics)
	s.rejected = newRejected(o, s.metrics)
	if o.Outcomes != nil {
		s.outcomes = newOutcomes(o.Outcomes, o.Log)
	}
	s.app = s.newApp()
	return s, nil
}

func (o Options) withDefaults() Options {
	o.BodyLimit = or(o.BodyLimit, 1<<20)
	o.HeaderLimit = or(o.HeaderLimit, 16<<10)
	o.ReadTimeout = or(o.ReadTimeout, 15*time.Second)
	o.PublishTimeout = or(o.PublishTimeout, 4*time.Second)
	o.DrainTimeout = or(o.DrainTimeout, 10*time.Second)
	o.LameDuck = or(o.LameDuck, 500*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Run serves until ctx is done, lets the requests under way end, and returns nil.
func (s *Service) Run(ctx context.Context) error {
	if s.outcomes != nil {
		stop, err := s.outcomes.start()
		if err != nil {
			return fmt.Errorf("wait for outcomes: %w", err)
		}
		defer stop()
	}
	go s.rejected.run()
	defer s.rejected.stop()
	served := make(chan error, 1)
	go func() {
		served <- s.app.Listener(linger.Listener{Listener: s.options.Listener}, fiber.ListenConfig{DisableStartupMessage: true})
	}()
	s.options.Log.Info("ingress listens", "addr", s.options.Listener.Addr().String(), "sources", len(s.options.Sources.All()))
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.parting.Store(true)
	time.Sleep(s.options.LameDuck)
	err := s.app.ShutdownWithTimeout(s.options.DrainTimeout)
	<-served
	if errors.Is(err, context.DeadlineExceeded) {
		s.options.Log.Warn("requests cut off at the end", "after", s.options.DrainTimeout)
		return nil
	}
	return err
}
