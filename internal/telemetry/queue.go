package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Bounds of what waits for the collector.
const (
	queueMost   = 4096
	batchMost   = 512
	batchLinger = time.Second
	callWithin  = 10 * time.Second
)

// queue hands ended spans to the exporter in batches, beside the work: whoever ends a span never waits. What does not fit is
// dropped. It is a span processor of the SDK, which has one of its own that doesn't tell what it dropped.
type queue struct {
	exporter sdk.SpanExporter
	log      *slog.Logger
	spans    chan sdk.ReadOnlySpan
	stop     chan struct{}
	once     sync.Once
	ended    chan struct{}
	hard     context.Context // ends calls under way
	cut      context.CancelFunc

	sent, dropped, failed atomic.Uint64
	troubled              bool // the last call failed; said once
}

func newQueue(exporter sdk.SpanExporter, log *slog.Logger) *queue {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q := &queue{exporter: exporter, log: log, spans: make(chan sdk.ReadOnlySpan, queueMost), stop: make(chan struct{}), ended: make(chan struct{})}
	q.hard, q.cut = context.WithCancel(context.Background())
	go q.run()
	return q
}

// OnStart does nothing.
func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd takes a span, or drops it when too many wait.
func (q *queue) OnEnd(span sdk.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	select {
	case q.spans <- span:
	default:
		q.dropped.Add(1)
	}
}

// ForceFlush does nothing: spans leave within a second.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown sends what waits until ctx ends.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() { close(q.stop) })
	select {
	case <-q.ended:
	case <-ctx.Done():
		q.cut()
		<-q.ended
	}
	return q.exporter.Shutdown(ctx)
}

func (q *queue) run() {
	defer close(q.ended)
	for {
		batch, more := q.next()
		q.export(batch)
		if !more {
			return
		}
	}
}

// next waits for a batch; without more, the queue has ended and is empty or cut off.
func (q *queue) next() (batch []sdk.ReadOnlySpan, more bool) {
	select {
	case span := <-q.spans:
		batch = append(batch, span)
	case <-q.stop:
		return q.rest(batch)
	}
	linger := time.NewTimer(batchLinger)
	defer linger.Stop()
	for len(batch) < batchMost {
		select {
		case span := <-q.spans:
			batch = append(batch, span)
		case <-linger.C:
			return batch, true
		case <-q.stop:
			return q.rest(batch)
		}
	}
	return batch, true
}

// rest takes what is there.
func (q *queue) rest(batch []sdk.ReadOnlySpan) ([]sdk.ReadOnlySpan, bool) {
	for len(batch) < batchMost {
		select {
		case span := <-q.spans:
			batch = append(batch, span)
		default:
			return batch, false
		}
	}
	return batch, true
}

func (q *queue) export(batch []sdk.ReadOnlySpan) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(q.hard, callWithin)
	defer cancel()
	err := q.exporter.ExportSpans(ctx, batch)
	if err != nil {
		q.failed.Add(uint64(len(batch)))
		if !q.troubled {
			q.log.Warn("spans not sent to the collector; the work goes on without them", "spans", len(batch), "error", err)
		}
	} else {
		q.sent.Add(uint64(len(batch)))
		if q.troubled {
			q.log.Info("the collector takes spans again")
		}
	}
	q.troubled = err != nil
}

// Counts are what became of the spans of a process.
type Counts struct {
	Sent    uint64 // the collector has them
	Dropped uint64 // too many waited
	Failed  uint64 // the collector did not take them
}

// Counts gives the counts so far.
func (e *Exporter) Counts() Counts {
	return Counts{e.queue.sent.Load(), e.queue.dropped.Load(), e.queue.failed.Load()}
}
