package bridge

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// Publisher makes messages durable: one receipt for each, in order. On an error some may have been written; sending
// all again is safe.
type Publisher interface {
	PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error)
}

// Options are what a bridge needs. Zero values of the limits have the defaults named.
type Options struct {
	RedisURL  string   // redis:// or rediss://, with its password
	Prefix    string   // of the streams: "<prefix>-<topic>"; "" for none
	Topics    []string // at least one
	Group     string   // consumer group, "edrelay"; all bridges of one group share the entries
	Consumer  string   // name within the group, the host's name; what a dead one of this name left is taken up at once
	Publish   Publisher
	Catalogue *openedx.Catalogue

	Batch     int           // entries read and published together, 500
	Block     time.Duration // longest wait of one read, 1 s
	ClaimIdle time.Duration // entries that another bridge holds this long without an acknowledgement are taken over, 30 s
	Watch     time.Duration // between two looks at backlog and losses, 5 s
	Drain     time.Duration // how long a batch under way may take at the end, 10 s

	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none are kept
	Tracer  *telemetry.Tracer     // nil: no spans
}

// Service is a bridge.
type Service struct {
	options Options
	redis   *redis.Client
	metrics *metrics
}

// New makes a bridge. It connects from Run on. Its errors name the setting that is wrong and never the URL.
func New(o Options) (*Service, error) {
	switch {
	case o.Publish == nil || o.Catalogue == nil:
		return nil, errors.New("bridge: a publisher and a catalogue are wanted")
	case len(o.Topics) == 0:
		return nil, &relay.Error{
			Code: relay.CodeInvalid, Message: "bridge.redis.topics is empty.",
			Hint: "List the topics of EVENT_BUS_PRODUCER_CONFIG that edrelay should read, without the prefix.",
		}
	}
	o = o.withDefaults()
	client, err := connect(o)
	if err != nil {
		return nil, err
	}
	return &Service{options: o, redis: client, metrics: newMetrics(o.Metrics)}, nil
}

func (o Options) withDefaults() Options {
	o.Group = or(o.Group, "edrelay")
	if o.Consumer == "" {
		host, _ := os.Hostname()
		o.Consumer = or(host, "edrelay")
	}
	o.Batch = or(o.Batch, 500)
	o.Block = or(o.Block, time.Second)
	o.ClaimIdle = or(o.ClaimIdle, 30*time.Second)
	o.Watch = or(o.Watch, 5*time.Second)
	o.Drain = or(o.Drain, 10*time.Second)
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

// Keys gives the Redis keys of the streams that are read.
func (o Options) Keys() []string {
	keys := make([]string, len(o.Topics))
	for i, topic := range o.Topics {
		keys[i] = topic
		if o.Prefix != "" {
			keys[i] = o.Prefix + "-" + topic
		}
	}
	return keys
}

// Run reads all streams until ctx is done, lets batches under way end, and returns nil. Trouble with Redis or the log
// is waited out.
func (s *Service) Run(ctx context.Context) error {
	defer s.redis.Close()
	var running sync.WaitGroup
	for _, key := range s.options.Keys() {
		st := newStream(s, key)
		running.Go(func() { st.run(ctx) })
	}
	running.Wait()
	return nil
}

// backoff is the wait before the next try: doubled from 100 ms to 5 s, with a fifth of jitter.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, 100*time.Millisecond), 5*time.Second)
	return time.Duration(float64(b.last) * (0.8 + 0.4*rand.Float64()))
}

func (b *backoff) reset() { b.last = 0 }

// sleep waits, or gives false when ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drained gives a context that outlives the end of ctx by d, so that what is under way can land.
func drained(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(d, cancel)
	})
	return detached, func() { stop(); cancel() }
}
