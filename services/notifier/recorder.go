package notifier

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/traffic"
)

// Bounds of one write to the ledger.
const (
	recordMost  = 2000
	recordQueue = 4096
	ackAtOnce   = 32 // consumers whose acknowledgements are under way at a time

	// How long a write waits for company unless somebody waits for it: to the ledger ten outcomes cost little more than one.
	// Nobody waits for those of retries, and a replay makes hundreds a second.
	freshLinger = 25 * time.Millisecond
	againLinger = 100 * time.Millisecond
)

// entry is something to settle: an outcome to record, a message to acknowledge after it, or both.
type entry struct {
	outcome      *relay.Outcome  // nil: there is none
	message      *relay.Received // nil: the event does not come from a consumer
	subscription int64           // whose message it is
	urgent       bool            // somebody waits for it
	done         func()          // called when the outcome is in the ledger; may be nil
}

// recorder writes outcomes to the ledger in batches, and only then acknowledges the messages that they came from.
type recorder struct {
	linger  time.Duration
	softly  bool // no message is acknowledged after what it writes: what is lost with the machine is tried again
	ledger  Ledger
	events  Log
	log     *slog.Logger
	metrics *metrics
	queue   chan entry
	acks    sync.WaitGroup
	slots   chan struct{}
	live    *traffic.Live // whose lulls it writes in; nil: at any time
}

func newRecorder(ledger Ledger, events Log, log *slog.Logger, m *metrics, linger time.Duration, softly bool) *recorder {
	return &recorder{linger: linger, softly: softly, ledger: ledger, events: events, log: log, metrics: m, queue: make(chan entry, recordQueue),
		slots: make(chan struct{}, ackAtOnce)}
}

// settle hands an entry to the recorder that it is for.
func (n *Notifier) settle(ctx context.Context, e entry) {
	if e.message == nil {
		n.retried.put(ctx, e)
		return
	}
	n.recorder.put(ctx, e)
}

// put hands an entry over; it waits while the ledger is behind. ctx is only the last resort.
func (r *recorder) put(ctx context.Context, e entry) {
	select {
	case r.queue <- e:
	case <-ctx.Done():
	}
}

// run records until stop is closed and the queue is empty, or ctx is done.
func (r *recorder) run(ctx context.Context, stop <-chan struct{}) {
	defer r.acks.Wait()
	var carried *entry
	for {
		batch, rest := r.gather(ctx, stop, carried)
		if len(batch) == 0 {
			return
		}
		carried = rest
		if !batch[len(batch)-1].urgent {
			r.live.Lull(ctx)
		}
		if r.record(ctx, batch) {
			r.settle(ctx, batch)
		}
	}
}

// gather takes what is queued. Two outcomes of one delivery never go into one write.
func (r *recorder) gather(ctx context.Context, stop <-chan struct{}, carried *entry) (batch []entry, rest *entry) {
	var seen deliveries
	add := func(e entry) bool {
		if !seen.add(batch, e) {
			return false
		}
		batch = append(batch, e)
		return true
	}
	if carried != nil {
		add(*carried)
	} else {
		select {
		case e := <-r.queue:
			add(e)
		case <-ctx.Done():
			return nil, nil
		case <-stop:
			select {
			case e := <-r.queue:
				add(e)
			default:
				return nil, nil
			}
		}
	}
	linger := time.NewTimer(r.linger)
	defer linger.Stop()
	for len(batch) < recordMost {
		select {
		case e := <-r.queue:
			if !add(e) {
				return batch, &e
			}
			continue
		default:
		}
		if batch[len(batch)-1].urgent {
			return batch, nil
		}
		select {
		case e := <-r.queue:
			if !add(e) {
				return batch, &e
			}
		case <-linger.C:
			return batch, nil
		case <-stop:
			return batch, nil
		}
	}
	return batch, nil
}

// deliveries are those that a batch has outcomes of. They are listed only once the batch may get a second outcome of
// one: from an event handed out before or from a further attempt.
type deliveries map[relay.DeliveryKey]bool

// add notes the delivery of an entry that is to join the batch; false when the batch has an outcome of it.
func (d *deliveries) add(batch []entry, e entry) bool {
	if e.outcome == nil {
		return true
	}
	again := e.message == nil || e.message.Attempt > 1 || e.outcome.Attempt.Number > 1
	if *d == nil && !again {
		return true
	}
	if *d == nil {
		*d = make(deliveries, len(batch))
		for _, other := range batch {
			if other.outcome != nil {
				(*d)[other.outcome.DeliveryKey] = true
			}
		}
	}
	if (*d)[e.outcome.DeliveryKey] {
		return false
	}
	(*d)[e.outcome.DeliveryKey] = true
	return true
}

// record writes the outcomes, again and again while the ledger is away. It reports false when ctx ended before.
func (r *recorder) record(ctx context.Context, batch []entry) bool {
	outcomes := make([]*relay.Outcome, 0, len(batch))
	for _, e := range batch {
		if e.outcome != nil {
			outcomes = append(outcomes, e.outcome)
		}
	}
	if len(outcomes) == 0 {
		return true
	}
	began := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := r.ledger.RecordOutcomes(ctx, outcomes, r.softly)
		if err == nil {
			r.metrics.recorded(len(outcomes), time.Since(began))
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.log.Error("outcomes of deliveries not recorded, trying again", "outcomes", len(outcomes), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
}

// settle acknowledges what was recorded, for each consumer with one wait, beside the next write.
func (r *recorder) settle(ctx context.Context, batch []entry) {
	byConsumer := map[int64][]relay.Acker{}
	for _, e := range batch {
		if e.done != nil {
			e.done()
		}
		if e.message != nil {
			byConsumer[e.subscription] = append(byConsumer[e.subscription], e.message.Reply)
		}
	}
	for _, replies := range byConsumer {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		r.acks.Go(func() {
			defer func() { <-r.slots }()
			if err := r.events.AckAll(ctx, replies); err != nil {
				r.log.Warn("events not acknowledged; they come again", "events", len(replies), "error", err)
			}
		})
	}
}
