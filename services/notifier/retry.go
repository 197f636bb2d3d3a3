package notifier

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// claim is a due delivery that this process has taken.
type claim struct {
	relay.Due
	at time.Time // when it was taken
}

// lease is how long a claimed delivery is left alone by everybody else: twice as long as it may wait for its turn, which
// where a rate is kept all that are under way take one after the other.
func (r *runner) lease() time.Duration {
	lease := time.Minute + 3*r.target.timeout
	if r.limiter != nil {
		lease += time.Duration(2 * float64(cap(r.slots)) / r.sub.Rate * float64(time.Second))
	}
	return lease
}

// dueAt hears of a retry that is due then.
func (r *runner) dueAt(at time.Time) {
	for micros := at.UnixMicro(); ; {
		known := r.next.Load()
		if known != 0 && known <= micros {
			return
		}
		if r.next.CompareAndSwap(known, micros) {
			select {
			case r.poke <- struct{}{}:
			default:
			}
			return
		}
	}
}

// promptly is how many more than may be under way are claimed at a time from a subscriber that takes them in their time.
const promptly = 8

// claim takes due retries and hands them over, as many at a time as may be under way, and more while the subscriber takes
// each in its time and no rate is kept: a claim costs the ledger about the same for one or for a hundred. What it holds when
// it ends is made due again.
func (r *runner) claim(ctx context.Context, take func(claim) bool) {
	for most := cap(r.slots); r.awaitDue(ctx); {
		if r.replayedLately() {
			r.n.live.Lull(ctx)
		}
		claimed := r.claimOnce(ctx, most, replayLook)
		for i, c := range claimed {
			if c.At.After(c.at) {
				r.step(ctx, c.At)
			}
			if !take(c) {
				for _, left := range claimed[i:] {
					_ = r.n.ledger.ReleaseRetry(r.n.hard, left.DeliveryKey) // else its lease runs out
				}
				return
			}
		}
		most = cap(r.slots)
		if n := len(claimed); n > 0 && r.limiter == nil && r.n.now().Sub(claimed[n-1].At) < replayLook {
			most *= promptly
		}
	}
}

// awaitDue waits until a retry is due; false when ctx is done.
func (r *runner) awaitDue(ctx context.Context) bool {
	for ctx.Err() == nil {
		next := r.next.Load()
		if next == 0 {
			select {
			case <-r.poke:
			case <-ctx.Done():
			}
			continue
		}
		wait := time.UnixMicro(next).Sub(r.n.now())
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.poke:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return false
}

func (r *runner) claimOnce(ctx context.Context, most int, ahead time.Duration) []claim {
	r.next.Store(0)
	rows, err := r.n.ledger.ClaimRetries(ctx, r.sub.ID, most, ahead, r.lease())
	if err != nil {
		if ctx.Err() == nil {
			r.n.logger.Error("due deliveries not claimed", "subscription", r.sub.Name, "error", err)
		}
		sleep(ctx, time.Second)
		return nil
	}
	if len(rows) == most {
		r.dueAt(r.n.now()) // there may be more
	} else if r.replaying(rows) {
		r.dueAt(r.n.now().Add(replayLook))
	}
	now := r.n.now()
	claimed := make([]claim, len(rows))
	for i, row := range rows {
		if row.At.Before(now) { // what is overdue goes in the order of the log
			row.At = now
		}
		claimed[i] = claim{row, now}
	}
	slices.SortFunc(claimed, func(a, b claim) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Sequence, b.Sequence)) })
	return claimed
}

// While a replay hands out, what it hands out is looked for this often, and so far ahead; it is staged earlier than that.
// Those that are due about the same time go together, for to wake for each costs more than to make it; many at once would
// hold up the others' events.
const (
	replayLook = 200 * time.Millisecond
	replayStep = 20 * time.Millisecond
	replayStay = 2 * time.Second // after the last of it
)

// replaying tells whether a replay has handed out something lately, these rows among it.
func (r *runner) replaying(rows []relay.Due) bool {
	if slices.ContainsFunc(rows, func(d relay.Due) bool { return d.Replay != "" }) {
		r.replayed.Store(r.n.now().UnixMicro())
	}
	return r.replayedLately()
}

func (r *runner) replayedLately() bool {
	return r.n.now().Sub(time.UnixMicro(r.replayed.Load())) < replayStay
}

// step waits for the step that a delivery is due in, and then for a lull in the live traffic.
func (r *runner) step(ctx context.Context, due time.Time) {
	if wait := due.Truncate(replayStep).Add(replayStep).Sub(r.n.now()); wait > 0 {
		sleep(ctx, wait)
		r.n.live.Lull(ctx)
	}
}

// again makes a further attempt for a delivery, with the event read back from the log.
func (r *runner) again(ctx context.Context, c claim) {
	if r.n.now().Sub(c.at) > r.lease()/2 { // it waited so long that somebody else may soon take it
		return
	}
	m, err := r.n.log.Message(ctx, relay.StreamEvents, c.Sequence)
	if err == nil && !m.Stored.Truncate(time.Microsecond).Equal(c.StoredAt) {
		err = relay.ErrNotFound // another log stands in the place of the one it came from
	}
	if relay.CodeOf(err) == relay.CodeNotFound {
		why := "the event is no longer on the log"
		if _, err := r.n.ledger.ErasedMessage(ctx, relay.StreamEvents, c.Sequence); err == nil {
			why = relay.ForgottenReason
		}
		r.record(ctx, r.lost(c.Due, why), nil)
		return
	}
	if err != nil {
		r.n.logger.Warn("event of a retry not read", "subscription", r.sub.Name, "error", err)
		return // its lease runs out
	}
	if v, ok := r.attempt(ctx, try{key: c.DeliveryKey, event: &m.Message, number: c.Attempts + 1, counted: c.Counted, replay: c.Replay}); ok {
		r.record(ctx, v, nil)
		r.follow(ctx, v)
	}
}

// lost is the end of a delivery whose event is no longer on the log.
func (r *runner) lost(d relay.Due, why string) verdict {
	return verdict{outcome: relay.Outcome{DeliveryKey: d.DeliveryKey, EventID: d.EventID, EventType: d.EventType,
		State: relay.DeliveryParked, Counted: d.Counted, Attempt: relay.DeliveryAttempt{Number: d.Attempts + 1, At: r.n.now(),
			Error: why, Replay: d.Replay}}}
}
