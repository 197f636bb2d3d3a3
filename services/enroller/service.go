package enroller

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// Options make a Service. Webhooks, Ledger, Read and Publisher are needed.
type Options struct {
	Webhooks  Webhooks
	Ledger    Ledger
	Read      Reader
	Publisher Publisher
	Sender    Sender // answers senders that wait; nil: they are not answered
	LMS       LMS    // nil: rows wait
	Policy    Policy
	Now       func() time.Time // time.Now when nil
	Log       *slog.Logger
	Metrics   prometheus.Registerer // nil: none
	Tracer    *telemetry.Tracer     // nil: no spans
	Instance  string                // name of this process; made of host and chance when empty
}

// Service is one enroller process. Several work side by side on one ledger.
type Service struct {
	Options
	health  *health
	courses *courses
	leases  *leases
	metrics *metrics
	kick    chan struct{} // rows may be due
	wanted  chan struct{} // SKUs may be due
	told    chan struct{} // events may wait in the outbox
	settled *broadcast    // rows were settled

	mu      sync.Mutex
	served  map[string]time.Time       // when each course was last served
	seen    map[relay.WorkGroup]growth // rows of each kind of call at the last look
	crowded time.Time                  // when webhooks last came in great numbers
	spent   gauge                      // calls of the last minute, as last heard
}

// New makes a service; it does nothing until Run.
func New(options Options) (*Service, error) {
	if options.Webhooks == nil || options.Ledger == nil || options.Read == nil || options.Publisher == nil {
		return nil, relay.Errorf(relay.CodeInvalid, "the enroller needs webhooks, a ledger, a reader and a publisher")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Instance == "" {
		host, _ := os.Hostname() // chance alone is enough
		options.Instance = host + "-" + rand.Text()[:8]
	}
	options.Policy = options.Policy.withDefaults()
	s := &Service{
		Options: options, metrics: newMetrics(options.Metrics),
		kick: make(chan struct{}, 1), wanted: make(chan struct{}, 1), told: make(chan struct{}, 1),
		settled: newBroadcast(), served: map[string]time.Time{},
	}
	s.health = newHealth(s)
	s.leases = &leases{held: map[int64]context.CancelFunc{}}
	s.courses = &courses{known: map[string]time.Time{}}
	return s, nil
}

// Run reads webhooks and works enrolments off until ctx is done; it then ends the calls under way and returns nil.
func (s *Service) Run(ctx context.Context) error {
	// What is under way when ctx ends is finished and recorded, within the lease.
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { s.intake(ctx, finish) })
	group.Go(func() { s.publishOutbox(ctx) })
	group.Go(func() { s.report(ctx) })
	if s.LMS != nil {
		group.Go(func() { s.dispatch(ctx, finish) })
		group.Go(func() { s.lookUpSKUs(ctx) })
		group.Go(func() { s.resolveOrders(ctx) })
		beats := make(chan struct{})
		beating, stop := context.WithCancel(finish)
		go func() { defer close(beats); s.renew(beating) }()
		defer func() { stop(); <-beats }()
	}
	group.Wait()
	return s.Ledger.ForgetStatus(finish, s.Instance)
}

// report tells the ledger and the metrics how this process fares.
func (s *Service) report(ctx context.Context) {
	var count time.Time // when to count next; counting reads the whole ledger
	for {
		if err := s.Ledger.ReportStatus(ctx, s.Status()); err != nil && ctx.Err() == nil {
			s.Log.Warn("status not reported", "error", err)
		}
		if begun := time.Now(); begun.After(count) {
			if counts, err := s.Ledger.CountEnrollments(ctx); err == nil {
				s.metrics.states(counts)
			}
			count = time.Now().Add(100 * time.Since(begun))
		}
		if !sleep(ctx, 5*time.Second, s.health.changed) {
			return
		}
	}
}

// poke wakes a loop; one that is awake looks once more.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits for d, or until woken; false when ctx is done.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// gauge is a number that is forgotten after a minute.
type gauge struct {
	value int
	at    time.Time
}

func (g gauge) now(at time.Time) int {
	if at.Sub(g.at) > time.Minute {
		return 0
	}
	return g.value
}

// broadcast wakes everybody who waits.
type broadcast struct {
	mu sync.Mutex
	c  chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{c: make(chan struct{})} }

func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.c
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.c)
	b.c = make(chan struct{})
}
