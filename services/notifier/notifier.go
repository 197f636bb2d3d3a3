package notifier

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/internal/traffic"
)

// Options of a Notifier. Log, Ledger, Client and Encoder are needed.
type Options struct {
	Log     Log
	Ledger  Ledger
	Client  Client
	Encoder Encoder

	DisableFailures int           // failures in a row after which a subscription may be disabled; default 100
	DisableAfter    time.Duration // and the time without a success that must have passed too; default 120h
	Drain           time.Duration // how long deliveries under way may take when Run ends; default 10s

	Logger  *slog.Logger          // default: none
	Metrics prometheus.Registerer // may be nil
	Tracer  *telemetry.Tracer     // nil: no spans
	Now     func() time.Time      // default time.Now
	Live    *traffic.Live         // counts fresh events under way, which retries give way to; nil: they don't
}

// Notifier is one process that delivers events. Several may run beside one another: each subscription is worked by one
// of those that live.
type Notifier struct {
	log      Log
	ledger   Ledger
	client   Client
	bodies   *bodies
	recorder *recorder // of fresh events
	retried  *recorder // of what no message waits for
	limits   limits
	drain    time.Duration
	logger   *slog.Logger
	metrics  *metrics
	tracer   *telemetry.Tracer
	now      func() time.Time
	live     *traffic.Live

	process string
	hard    context.Context // ends when what is under way is cut off
	cut     context.CancelFunc
	flying  sync.WaitGroup // attempts under way
	opening chan struct{}  // one for each consumer that is being opened
	runners map[int64]*runner
	seen    int64 // version of the subscriptions in force
	alive   []string
	beaten  time.Time // when this one last counted as alive
	joined  time.Time // when it began to, this time
}

// openAtOnce bounds how many consumers are opened at a time, so that a thousand of them don't outrun the server.
const openAtOnce = 16

// New makes a Notifier; Run starts it.
func New(o Options) (*Notifier, error) {
	if o.Log == nil || o.Ledger == nil || o.Client == nil || o.Encoder == nil {
		return nil, relay.Errorf(relay.CodeInternal, "the notifier lacks a part")
	}
	n := &Notifier{log: o.Log, ledger: o.Ledger, client: o.Client, bodies: newBodies(o.Encoder), drain: o.Drain, logger: o.Logger,
		metrics: newMetrics(o.Metrics), tracer: o.Tracer, now: o.Now, live: o.Live, process: rand.Text(), runners: map[int64]*runner{}, seen: -1, opening: make(chan struct{}, openAtOnce),
		limits: limits{failures: o.DisableFailures, duration: o.DisableAfter}}
	if n.limits.failures <= 0 {
		n.limits.failures = 100
	}
	if n.limits.duration <= 0 {
		n.limits.duration = 120 * time.Hour
	}
	if n.drain <= 0 {
		n.drain = 10 * time.Second
	}
	if n.logger == nil {
		n.logger = slog.New(slog.DiscardHandler)
	}
	if n.now == nil {
		n.now = time.Now
	}
	n.hard, n.cut = context.WithCancel(context.Background())
	n.recorder = newRecorder(n.ledger, n.log, n.logger, n.metrics, freshLinger, false)
	n.retried = newRecorder(n.ledger, n.log, n.logger, n.metrics, againLinger, true)
	n.retried.live = n.live
	return n, nil
}

// Run delivers until ctx is done; then it takes nothing more, lets what is under way end, records it and returns nil.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.cut()
	stop, recorded := make(chan struct{}), make(chan struct{})
	go func() {
		var recorders sync.WaitGroup
		recorders.Go(func() { n.recorder.run(n.hard, stop) })
		recorders.Go(func() { n.retried.run(n.hard, stop) })
		recorders.Wait()
		close(recorded)
	}()
	n.tend(ctx)
	n.end()
	close(stop)
	select {
	case <-recorded:
	case <-time.After(n.drain):
		n.cut()
		<-recorded
	}
	forget, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := n.ledger.ForgetNotifier(forget, n.process); err != nil {
		n.logger.Warn("this notifier is not off the list of those that live", "error", err)
	}
	return nil
}

// end stops all subscriptions and waits for what is under way, as long as draining may take.
func (n *Notifier) end() {
	for _, r := range n.runners {
		r.stop()
	}
	ended := make(chan struct{})
	go func() {
		for _, r := range n.runners {
			<-r.finished
		}
		n.flying.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(n.drain):
		n.cut()
		<-ended
	}
}
