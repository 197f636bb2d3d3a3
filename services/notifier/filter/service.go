package filter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// Options of a Service. Ledger, Bus, Caller, Sealer and Catalogue are needed.
type Options struct {
	Ledger    Ledger
	Bus       Bus
	Caller    Caller
	Sealer    Sealer
	Catalogue *openedx.Catalogue
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Tracer    *telemetry.Tracer // nil: no spans
	Now       func() time.Time

	Deadline time.Duration // for all filters of one question together; default 8 s, below the plugin's 10 s
	Poll     time.Duration // how often changed declarations are looked for; default 200 ms
}

// Service answers Open edX's questions. Any number of processes may run one; they share the questions.
type Service struct {
	opts     Options
	process  string
	metrics  *metrics
	records  *recorder
	chains   atomic.Pointer[map[string][]*target] // enabled filters by class, in order
	inflight sync.WaitGroup

	mu      sync.Mutex // of what follows
	version int64      // of the declarations in force; -1 before the first
	serving map[string]func()
	gates   map[string]*gate // by URL, so that a changed declaration keeps what is known of its URL
	running bool             // Run has begun
	closed  bool
}

// queue is shared by all processes that answer, so that each question is answered once.
const queue = "edrelay-filters"

// New makes a Service. It fails when something needed is missing.
func New(o Options) (*Service, error) {
	if o.Ledger == nil || o.Bus == nil || o.Caller == nil || o.Sealer == nil || o.Catalogue == nil {
		return nil, errors.New("filters: Ledger, Bus, Caller, Sealer and Catalogue are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Deadline <= 0 {
		o.Deadline = 8 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 200 * time.Millisecond
	}
	m := newMetrics(o.Metrics)
	s := &Service{
		opts: o, process: rand.Text(), metrics: m, version: -1, serving: map[string]func(){}, gates: map[string]*gate{},
		records: newRecorder(o.Ledger, o.Log, m),
	}
	s.chains.Store(&map[string][]*target{})
	return s, nil
}

// Run answers until ctx ends; then it takes no more questions, finishes those under way and writes their record. Any
// trouble with the ledger leaves the declarations in force that were read last.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	s.reload(ctx)
	s.beat(ctx)
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	recorded := make(chan struct{})
	go func() { defer close(recorded); s.records.run(recording) }()

	look, beat := time.NewTicker(s.opts.Poll), time.NewTicker(beatEvery)
	defer look.Stop()
	defer beat.Stop()
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case <-look.C:
			s.reload(ctx)
		case <-beat.C:
			s.beat(ctx)
		}
	}
	s.stopServing()
	s.leave(context.WithoutCancel(ctx))
	s.inflight.Wait()
	stopRecording()
	<-recorded
	return nil
}

func (s *Service) reload(ctx context.Context) {
	if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
		s.opts.Log.Warn("filters not read, the last ones stay in force", "error", err)
	}
}

// Refresh puts changed declarations in force in this process before it returns.
func (s *Service) Refresh(ctx context.Context) error {
	version, err := s.opts.Ledger.FiltersVersion(ctx)
	if err != nil {
		return fmt.Errorf("read version of filters: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == s.version || s.closed {
		return nil
	}
	stored, err := s.opts.Ledger.Filters(ctx)
	if err != nil {
		return fmt.Errorf("read filters: %w", err)
	}
	chains := s.chainsOf(stored)
	s.chains.Store(&chains)
	if err := s.serve(chains); err != nil {
		return err
	}
	s.version = version
	s.opts.Log.Info("filters in force", "filters", len(stored), "classes", len(chains))
	if !s.running {
		return nil
	}
	return s.opts.Ledger.BeatFilterService(ctx, s.process, version)
}

// serve takes questions for the classes that have filters and leaves all others to services that answer by themselves.
func (s *Service) serve(chains map[string][]*target) error {
	for class, stop := range s.serving {
		if len(chains[class]) == 0 {
			stop()
			delete(s.serving, class)
		}
	}
	for class := range chains {
		if s.serving[class] != nil {
			continue
		}
		stop, err := s.opts.Bus.Serve(relay.FilterSubject(class), queue, func(ctx context.Context, m relay.Message) relay.Message {
			return s.handle(ctx, class, m)
		})
		if err != nil {
			return fmt.Errorf("serve filter %s: %w", class, err)
		}
		s.serving[class] = stop
	}
	return nil
}

func (s *Service) stopServing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, stop := range s.serving {
		stop()
	}
	clear(s.serving)
}
