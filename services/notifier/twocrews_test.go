package notifier_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
	"github.com/edrelay/edrelay/services/notifier"
)

// within gives the most requests within any span of that length.
func within(all []got, span time.Duration) (most int) {
	times := make([]time.Time, len(all))
	for i, one := range all {
		times[i] = one.at
	}
	slices.SortFunc(times, time.Time.Compare)
	from := 0
	for to := range times {
		for times[to].Sub(times[from]) >= span {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// relayRace hands the subscriptions from one notifier to the next while they work: now one, now two, now the other.
func (g *ground) relayRace(hand func(round int), change ...func(*notifier.Options)) {
	running := g.run(change...)
	for round := range 3 {
		hand(round)
		next := g.run(change...)
		hand(round)
		running.end()
		running = next
	}
}

func TestRateHoldsWhenSubscriptionsChangeHands(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const perSecond, events = 20, 400
	limited := newSink(t, nil)
	g.subscribe("limited", limited.URL, func(d *subscription.Declaration) { d.Rate = ptr(float64(perSecond)) })
	g.publish(1, events)
	g.relayRace(func(int) {
		before := len(limited.all())
		limited.await(t, "the work goes on", func(all []got) bool { return len(all) > before+perSecond || len(all) >= events })
	})
	limited.await(t, "all events", atLeast(events))
	// A second's burst and a second's share, and one for the edges.
	if most := within(limited.all(), time.Second); most > 2*perSecond+1 {
		t.Errorf("%d deliveries within a second at a rate of %d", most, perSecond)
	}
}

func TestMaxInFlightHoldsWhenSubscriptionsChangeHands(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const slots, events = 3, 300
	var now, most atomic.Int64
	slow := newSink(t, func(http.ResponseWriter, got, int) {
		n := now.Add(1)
		defer now.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		<-time.After(20 * time.Millisecond)
	})
	g.subscribe("slow", slow.URL, func(d *subscription.Declaration) { d.MaxInFlight = ptr(slots) })
	g.publish(1, events)
	g.relayRace(func(int) {
		before := len(slow.all())
		slow.await(t, "the work goes on", func(all []got) bool { return len(all) > before+10 || len(all) >= events })
	})
	slow.await(t, "all events", atLeast(events))
	if most.Load() > slots {
		t.Errorf("%d deliveries at a time, %d are allowed", most.Load(), slots)
	}
}

// What waits for a worker is given back when the subscription is paused: it comes again at once, not when the server
// takes it for lost, which is twelve times as long as this test waits.
func TestWhatWaitedForAWorkerComesAgainAtOnceAfterAPause(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const slots, events = 2, 12
	free := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(free) })
	defer letGo()
	busy := newSink(t, func(http.ResponseWriter, got, int) { <-free })
	g.subscribe("busy", busy.URL, func(d *subscription.Declaration) {
		d.MaxInFlight, d.Timeout = ptr(slots), ptr(relay.Duration(time.Minute))
	})
	g.run()
	g.publish(1, events)
	eventually(t, "busy workers", func() bool { return len(busy.all()) >= slots })
	_, err := g.registry.PauseSubscription(t.Context(), "busy")
	must(t, err)
	letGo()
	g.ledgerHolds("busy", relay.DeliveryDelivered, slots)
	_, err = g.registry.ResumeSubscription(t.Context(), "busy")
	must(t, err)
	resumed := time.Now()
	busy.await(t, "all events", atLeast(events))
	if took := time.Since(resumed); took > 20*time.Second {
		t.Errorf("the rest came after %s", took)
	}
}

func TestOrderHoldsWhenSubscriptionsChangeHands(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = 300
	inOrder := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number%7 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	g.subscribe("ordered", inOrder.URL, ordered, waits(10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond))
	g.publish(1, events)
	g.relayRace(func(int) {
		before := len(inOrder.all())
		inOrder.await(t, "the work goes on", func(all []got) bool { return len(all) > before+20 || len(distinct(all)) >= events })
	})
	g.ledgerHolds("ordered", relay.DeliveryDelivered, events)
	last := ""
	for _, one := range inOrder.all() {
		if one.id() < last {
			t.Fatalf("%s came after %s", one.id(), last)
		}
		last = one.id()
	}
}

func TestAnOpenBreakerStaysOpenWhenSubscriptionsChangeHands(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = 200
	broken := newSink(t, func(w http.ResponseWriter, _ got, _ int) { w.WriteHeader(http.StatusInternalServerError) })
	g.subscribe("broken", broken.URL, waits(time.Hour), func(d *subscription.Declaration) { d.MaxInFlight = ptr(1) })
	g.publish(1, events)
	first := g.run()
	eventually(t, "the subscription is failing", func() bool { return len(broken.all()) >= 20 })
	first.end()
	opened := len(broken.all())
	healthy := newSink(t, nil)
	g.subscribe("healthy", healthy.URL)
	g.run()
	g.publish(events+1, 1)
	healthy.await(t, "the second notifier works", atLeast(1))
	broken.await(t, "the second notifier probes", func(all []got) bool { return len(all) > opened })
	eventually(t, "a while passes", func() bool {
		all := broken.all()
		return time.Since(all[opened].at) > 3*time.Second
	})
	if more := len(broken.all()) - opened; more > 2 {
		t.Errorf("%d attempts by the second notifier on a subscription whose breaker was open", more)
	}
}

// cutOff is a log that a process can be cut off from.
type cutOff struct {
	notifier.Log
	mu  sync.Mutex
	off bool
}

func (c *cutOff) set(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

// Reach is what the notifier asks of the log.
func (c *cutOff) Reach(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return errors.New("cut off")
	}
	return nil
}

func TestANotifierThatLostTheLogLetsOthersTakeOver(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	alone := &cutOff{Log: g.bus}
	g.run(func(o *notifier.Options) { o.Log = alone })
	target := newSink(t, nil)
	g.subscribe("a", target.URL)
	g.publish(1, 1)
	target.await(t, "the first event", atLeast(1))
	alone.set(true)
	eventually(t, "it counts as alive no more", func() bool {
		alive, err := g.ledger.BeatNotifier(t.Context(), "watcher", 1<<40, 2*time.Second)
		return err == nil && len(alive) == 1
	})
	must(t, g.ledger.ForgetNotifier(t.Context(), "watcher"))
	g.run()
	g.publish(2, 20)
	target.await(t, "the other one delivers", atLeast(21))
	if all := target.all(); len(all) != 21 {
		t.Errorf("%d deliveries of 21 events", len(all))
	}
}
