package notifier

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// orderedWait is how long an event of an ordered subscription is taken for lost when its notifier was killed; while it
// lives the notifier renews it every orderedRenew.
const (
	orderedWait  = 10 * time.Second
	orderedRenew = 3 * time.Second
)

// lookAgain is how often an ordered subscription that waits looks whether an operator asked for the attempt now.
const lookAgain = time.Second

// inOrder delivers one event after the other. The next one is handed out only when the one before is settled: delivered
// or parked; while it waits for its next attempt it is kept, unacknowledged, and the server keeps the rest back.
func (r *runner) inOrder(ctx context.Context) {
	reader, err := r.reader(ctx, 1)
	if err != nil {
		r.trouble(ctx, err)
		return
	}
	defer reader.Stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fresh, due := make(chan *relay.Received), make(chan claim)
	r.n.flying.Go(func() {
		defer cancel()
		r.feed(ctx, reader, func(m *relay.Received) bool { return send(ctx, fresh, m) })
	})
	r.n.flying.Go(func() { r.claim(ctx, func(c claim) bool { return send(ctx, due, c) }) })
	for {
		select {
		case m := <-fresh:
			r.settleInOrder(ctx, m)
		case c := <-due: // a replay, or what an operator wants tried again
			if r.ready(ctx) {
				r.again(r.n.hard, c)
			}
		case <-ctx.Done():
			return
		}
	}
}

// settleInOrder makes attempts for one event until it is delivered or parked.
func (r *runner) settleInOrder(ctx context.Context, m *relay.Received) {
	if !subscription.Matches(r.sub.Events, m.Type) {
		r.n.recorder.put(r.n.hard, entry{message: m, subscription: r.sub.ID, urgent: true})
		return
	}
	defer r.renew(m)()
	t := try{key: keyOf(r.sub.ID, m), event: &m.Message, number: 1}
	if (m.Attempt > 1 || r.suspect.Load()) && !r.pickUp(ctx, m, &t) {
		return
	}
	for {
		if !r.ready(ctx) {
			giveBack(r.n.hard, m)
			return
		}
		v, ok := r.attempt(r.n.hard, t)
		if !ok {
			giveBack(context.WithoutCancel(ctx), m)
			return
		}
		if t.number == 1 {
			r.n.metrics.waited(m.Stored, r.n.now(), v.ok)
		}
		waiting := v.outcome.State == relay.DeliveryWaiting
		v.outcome.Held = waiting
		r.recordInOrder(v, m, waiting)
		r.follow(r.n.hard, v)
		if !waiting {
			return
		}
		t.number, t.counted = t.number+1, v.outcome.Counted
		if !r.hold(ctx, m, &t, *v.outcome.NextAttemptAt) {
			return
		}
	}
}

// renew tells the server that the event is being worked on, until the function it gives is called. If that does not get
// there, the event comes again and is picked up.
func (r *runner) renew(m *relay.Received) (stop func()) {
	ctx, cancel := context.WithCancel(r.n.hard)
	go func() {
		for ticker := time.NewTicker(orderedRenew); ; {
			select {
			case <-ticker.C:
				_ = m.Reply.Working(ctx)
			case <-ctx.Done():
				ticker.Stop()
				return
			}
		}
	}()
	return cancel
}

// recordInOrder waits until the outcome is in the ledger.
func (r *runner) recordInOrder(v verdict, m *relay.Received, waiting bool) {
	outcome, recorded := v.outcome, make(chan struct{})
	e := entry{outcome: &outcome, message: m, subscription: r.sub.ID, urgent: true, done: func() { close(recorded) }}
	if waiting {
		e.message = nil
	}
	r.n.settle(r.n.hard, e)
	select {
	case <-recorded:
	case <-r.n.hard.Done():
	}
}

// pickUp goes on with an event that was handed out before, from what the ledger has of it. It reports false when
// nothing is left to do now.
func (r *runner) pickUp(ctx context.Context, m *relay.Received, t *try) bool {
	state, due, err := r.n.ledger.Standing(ctx, t.key)
	switch {
	case err != nil:
		giveBackLater(r.n.hard, m)
		return false
	case state == "":
		return true
	case due == nil || !due.Held:
		r.n.recorder.put(r.n.hard, entry{message: m, subscription: r.sub.ID, urgent: true})
		return false
	}
	t.number, t.counted, t.replay = due.Attempts+1, due.Counted, due.Replay
	return r.hold(ctx, m, t, due.At)
}

// hold keeps the event until its next attempt is due, or an operator makes it due before. It reports false when the
// subscription ends, and the event is given back, or when the delivery was ended by somebody else, as an erasure does.
func (r *runner) hold(ctx context.Context, m *relay.Received, t *try, until time.Time) bool {
	for {
		wait := until.Sub(r.n.now())
		if wait <= 0 {
			return true
		}
		sleep(ctx, min(wait, lookAgain))
		if ctx.Err() != nil {
			giveBack(r.n.hard, m)
			return false
		}
		if wait <= lookAgain {
			continue
		}
		state, due, err := r.n.ledger.Standing(ctx, t.key)
		if err == nil && due != nil {
			until, t.counted = due.At, due.Counted
		}
		if err == nil && due == nil && state == relay.DeliveryParked {
			r.n.recorder.put(r.n.hard, entry{message: m, subscription: r.sub.ID, urgent: true})
			return false
		}
	}
}

// ready waits for the rate and for the breaker; false when the subscription ends.
func (r *runner) ready(ctx context.Context) bool {
	if r.turn(ctx) != nil {
		return false
	}
	if wait, open := r.breaker.open(r.n.now()); open {
		sleep(ctx, wait)
	}
	select {
	case <-r.trips:
	default:
	}
	return ctx.Err() == nil
}

// send hands a value over; false when ctx ends first.
func send[T any](ctx context.Context, to chan<- T, value T) bool {
	select {
	case to <- value:
		return true
	case <-ctx.Done():
		return false
	}
}
