package notifier

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// runner works one subscription in this process, the only one that does.
type runner struct {
	n       *Notifier
	sub     relay.Subscriber
	target  *target
	breaker *breaker
	tally   tally
	health  *health
	limiter *rate.Limiter // nil: no limit
	slots   chan struct{} // one for each delivery that may be under way

	next     atomic.Int64  // when the next retry is due, in Unix microseconds; 0: not known
	replayed atomic.Int64  // when a retry of a replay was last claimed, likewise
	poke     chan struct{} // next has changed; holds one signal
	trips    chan struct{} // the breaker has opened; holds one signal

	stop     context.CancelFunc // ends run, not what is under way
	suspect  atomic.Bool        // the consumer broke: what it hands out may have been handed out before
	finished chan struct{}      // run has ended
}

func newRunner(n *Notifier, sub relay.Subscriber) (*runner, error) {
	t, err := newTarget(sub)
	if err != nil {
		return nil, err
	}
	r := &runner{n: n, sub: sub, target: t, breaker: breakerFrom(sub.Breaker), tally: n.metrics.tally(sub.Name), slots: make(chan struct{}, sub.MaxInFlight),
		health: &health{limits: n.limits, current: sub.Health}, poke: make(chan struct{}, 1), trips: make(chan struct{}, 1),
		finished: make(chan struct{})}
	if sub.Rate > 0 {
		burst := max(1, int(sub.Rate))
		r.limiter = rate.NewLimiter(rate.Limit(sub.Rate), burst)
		r.limiter.AllowN(time.Now(), burst-1) // another notifier may just have spent this second's
	}
	return r, nil
}

// turn waits for the rate of the subscription; an error when ctx ends first.
func (r *runner) turn(ctx context.Context) error {
	if r.limiter == nil {
		return nil
	}
	return r.limiter.Wait(ctx)
}

// begin runs the subscription until ctx is done or stop is called.
func (r *runner) begin(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	go func() {
		defer close(r.finished)
		defer r.stop()
		for ctx.Err() == nil {
			if r.sub.Ordered {
				r.inOrder(ctx)
			} else if wait, open := r.breaker.open(r.n.now()); open {
				r.probe(ctx, wait)
			} else {
				r.flow(ctx)
			}
		}
	}()
}

// pendingMost bounds what is handed out and not settled of one subscription.
const pendingMost = 4096

// ackWait is how long an event is taken for lost when its notifier was killed. A third of it is for the wait for its
// turn, the rest is longer than an attempt and its record; what an ordered subscription holds is renewed all the time.
func ackWait(s relay.Subscription) time.Duration {
	if s.Ordered {
		return orderedWait
	}
	wait := 10*time.Second + 4*time.Duration(s.Timeout)
	if s.Rate > 0 {
		wait += time.Duration(4 / s.Rate * float64(time.Second))
	}
	return wait
}

func (r *runner) reader(ctx context.Context, prefetch int) (relay.Reader, error) {
	select {
	case r.n.opening <- struct{}{}:
		defer func() { <-r.n.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return r.n.log.Reader(ctx, consumerOf(r.sub, prefetch))
}

// consumerOf describes the durable consumer of a subscription.
func consumerOf(s relay.Subscriber, prefetch int) relay.ConsumerConfig {
	pending := pendingMost
	if s.Ordered {
		pending = 1
	}
	return relay.ConsumerConfig{Stream: relay.StreamEvents, Durable: s.Consumer, Description: "subscription " + s.Name,
		Subjects: subscription.Subjects(s.Events), Start: relay.Start{Sequence: s.StartSequence},
		MaxAckPending: pending, AckWait: ackWait(s.Subscription), Prefetch: prefetch, Shared: true}
}

// aheadLeast is fetched ahead at least where max_in_flight is small, up to 8 for each slot: less than that and a busy
// machine waits for the log instead of the subscriber.
const aheadLeast = 128

// ahead is how much to fetch ahead: enough to keep all slots busy while the log is asked for more. What waited too long
// for its turn is given back.
func (r *runner) ahead() int {
	n := max(2*cap(r.slots), min(8*cap(r.slots), aheadLeast))
	if r.sub.Rate > 0 {
		n = min(n, max(1, int(2*r.sub.Rate)))
	}
	return n
}

// stale tells that an event waited so long for its turn that the server may hand it out again before an attempt ends.
func (r *runner) stale(m *relay.Received) bool {
	return !m.Fetched.IsZero() && time.Since(m.Fetched) > ackWait(r.sub.Subscription)/3
}

// flow delivers fresh events and due retries side by side, until the breaker opens.
func (r *runner) flow(ctx context.Context) {
	reader, err := r.reader(ctx, r.ahead())
	if err != nil {
		r.trouble(ctx, err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newCrew(ctx, r)
	var feeding sync.WaitGroup
	feeding.Go(func() { defer cancel(); r.feed(ctx, reader, c.takeFresh) })
	feeding.Go(func() { r.claim(ctx, c.takeDue) })
	select {
	case <-r.trips:
	case <-ctx.Done():
	}
	cancel()
	reader.Stop()
	feeding.Wait()
	c.giveBack()
}

// feed hands over what the consumer has. What it holds when it ends is given back.
func (r *runner) feed(ctx context.Context, reader relay.Reader, take func(*relay.Received) bool) {
	for {
		batch, err := reader.Fetch(ctx, max(1, cap(r.slots)))
		if err != nil {
			if ctx.Err() == nil {
				r.suspect.Store(true)
				r.trouble(ctx, err)
			}
			return
		}
		for i := range batch {
			if !take(&batch[i]) {
				for left := range batch[i:] {
					giveBack(r.n.hard, &batch[i+left])
				}
				return
			}
		}
	}
}

// giveBack has the event handed out again; if that does not get there, the server waits for AckWait instead.
func giveBack(ctx context.Context, m *relay.Received) { _ = m.Reply.Again(ctx, 0) }

// trouble pauses after an error of the log.
func (r *runner) trouble(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	r.n.logger.Warn("subscription can't read the log", "subscription", r.sub.Name, "error", err)
	sleep(ctx, time.Second)
}

func keyOf(sub int64, m *relay.Received) relay.DeliveryKey {
	return relay.DeliveryKey{Subscription: sub, Sequence: m.Sequence, StoredAt: m.Stored.UTC().Truncate(time.Microsecond)}
}

// deliver makes the first attempt for an event.
func (r *runner) deliver(ctx context.Context, m *relay.Received) {
	if !subscription.Matches(r.sub.Events, m.Type) {
		r.n.recorder.put(ctx, entry{message: m, subscription: r.sub.ID})
		return
	}
	if r.stale(m) {
		giveBack(ctx, m)
		return
	}
	key := keyOf(r.sub.ID, m)
	if m.Attempt > 1 || r.suspect.Load() { // handed out before: it may be in the ledger already
		state, due, err := r.n.ledger.Standing(ctx, key)
		if err == nil && due != nil && due.Held {
			err = r.n.ledger.ReleaseRetry(ctx, key)
		}
		if err != nil {
			giveBackLater(ctx, m)
			return
		}
		if state != "" {
			r.n.recorder.put(ctx, entry{message: m, subscription: r.sub.ID})
			return
		}
	}
	r.n.live.Begin()
	v, ok := r.attempt(ctx, try{key: key, event: &m.Message, number: 1})
	r.n.live.End()
	if !ok {
		giveBack(context.WithoutCancel(ctx), m)
		return
	}
	r.n.metrics.waited(m.Stored, r.n.now(), v.ok)
	r.record(ctx, v, m)
	r.follow(ctx, v)
}

func giveBackLater(ctx context.Context, m *relay.Received) { _ = m.Reply.Again(ctx, time.Second) }

// record has the outcome written, and the message acknowledged after that.
func (r *runner) record(ctx context.Context, v verdict, m *relay.Received) {
	outcome := v.outcome
	e := entry{outcome: &outcome, message: m, subscription: r.sub.ID}
	if next := outcome.NextAttemptAt; next != nil {
		e.done = func() { r.dueAt(*next) }
	}
	r.n.settle(ctx, e)
}

// follow draws the consequences of an attempt for the subscription as a whole.
func (r *runner) follow(ctx context.Context, v verdict) {
	r.n.metrics.attempted(r.tally, v)
	if !v.wrote {
		return
	}
	opened, closed, putOff := r.breaker.note(v.ok, r.n.now())
	if opened || closed || putOff {
		if err := r.n.ledger.SetBreaker(ctx, r.sub.ID, r.breaker.standing()); err != nil {
			r.n.logger.Error("breaker of a subscription not kept", "subscription", r.sub.Name, "error", err)
		}
	}
	switch {
	case opened:
		r.n.logger.Warn("subscription's breaker opened", "subscription", r.sub.Name, "error", v.outcome.Attempt.Error)
		select {
		case r.trips <- struct{}{}:
		default:
		}
	case closed:
		r.n.logger.Info("subscription's breaker closed", "subscription", r.sub.Name)
	}
	r.fare(ctx, v)
}

// probe waits, then makes one attempt to see whether the subscriber is back.
func (r *runner) probe(ctx context.Context, wait time.Duration) {
	sleep(ctx, wait)
	select {
	case <-r.trips:
	default:
	}
	if ctx.Err() != nil {
		return
	}
	if claimed := r.claimOnce(ctx, 1, 0); len(claimed) > 0 {
		r.again(r.n.hard, claimed[0])
		return
	}
	reader, err := r.reader(ctx, 1)
	if err != nil {
		r.trouble(ctx, err)
		return
	}
	defer reader.Stop()
	patience, cancel := context.WithTimeout(ctx, time.Second) // then look for retries again
	defer cancel()
	batch, err := reader.Fetch(patience, 1)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			r.trouble(ctx, err)
		}
		return
	}
	r.deliver(r.n.hard, &batch[0])
}

func sleep(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}
