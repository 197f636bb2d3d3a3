package notifier_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
	"github.com/edrelay/edrelay/internal/subscription"
	"github.com/edrelay/edrelay/services/notifier"
)

// dying is a log and a ledger that a process loses at once when it is killed: nothing of it reaches them any more.
type dying struct {
	notifier.Ledger
	notifier.Log
	dead *atomic.Bool
}

var errKilled = errors.New("killed")

func (d dying) RecordOutcomes(ctx context.Context, outcomes []*relay.Outcome, softly bool) error {
	if d.dead.Load() {
		<-ctx.Done()
		return errKilled
	}
	return d.Ledger.RecordOutcomes(ctx, outcomes, softly)
}

func (d dying) AckAll(ctx context.Context, replies []relay.Acker) error {
	if d.dead.Load() {
		return errKilled
	}
	return d.Log.AckAll(ctx, replies)
}

func (d dying) ForgetNotifier(ctx context.Context, process string) error {
	if d.dead.Load() {
		return errKilled
	}
	return d.Ledger.ForgetNotifier(ctx, process)
}

func TestKilledNotifierLosesNothingAndOrderHolds(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = 300
	plain, inOrder := newSink(t, nil), newSink(t, nil)
	g.subscribe("plain", plain.URL)
	g.subscribe("ordered", inOrder.URL, ordered)
	g.publish(1, events)
	for life := range 3 {
		var dead atomic.Bool
		p := g.run(func(o *notifier.Options) {
			d := dying{Ledger: g.ledger, Log: g.bus, dead: &dead}
			o.Ledger, o.Log, o.Drain = d, d, 50*time.Millisecond
		})
		plain.await(t, "some events", atLeast(events/4*(life+1)))
		dead.Store(true)
		p.end()
	}
	g.run()
	plain.await(t, "all events", atLeast(events))
	inOrder.await(t, "all events in order", atLeast(events))
	g.ledgerHolds("plain", relay.DeliveryDelivered, events)
	g.ledgerHolds("ordered", relay.DeliveryDelivered, events)
	found := relay.Reconciliation{}
	must(t, g.registry.Reconcile(t.Context(), &found))
	if !found.OK() || found.Deliveries == 0 {
		t.Errorf("audit: %+v", found)
	}
	highest := ""
	first := map[string]bool{}
	for _, one := range inOrder.all() {
		if !first[one.id()] && one.id() < highest {
			t.Fatalf("%s came first after %s", one.id(), highest)
		}
		first[one.id()], highest = true, max(highest, one.id())
	}
}

func TestNotifiersShareTheWorkAndTakeOver(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	one := g.run()
	g.run()
	var sinks []*sink
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		s := newSink(t, nil)
		sinks = append(sinks, s)
		g.subscribe(name, s.URL)
	}
	g.publish(1, 50)
	for _, s := range sinks {
		s.await(t, "50 events", atLeast(50))
	}
	one.end()
	g.publish(51, 50)
	for _, s := range sinks {
		all := s.await(t, "100 events", atLeast(100))
		if len(all) != 100 {
			t.Errorf("%d requests for 100 events", len(all))
		}
	}
}

func TestChangesAreInForceWhenTheyReturn(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	old, next := newSink(t, nil), newSink(t, nil)
	made := g.subscribe("a", old.URL)
	g.publish(1, 1)
	old.await(t, "the first event", atLeast(1))
	_, err := g.registry.EditSubscription(t.Context(), "a", []byte(`{"url":"`+next.URL+`"}`))
	must(t, err)
	g.publish(2, 1)
	next.await(t, "the second event", atLeast(1))
	if len(old.all()) != 1 {
		t.Error("the old URL was called after the change")
	}
	rotated, err := g.registry.RotateSecret(t.Context(), "a", time.Hour)
	must(t, err)
	g.publish(3, 1)
	last := next.await(t, "the third event", atLeast(2))[1]
	for _, text := range []string{made.Secrets[0], rotated.Secrets[0]} {
		secret, err := signing.Parse(text)
		must(t, err)
		d := signing.Delivery{ID: last.id(), Timestamp: last.header.Get("webhook-timestamp"), Signature: last.header.Get("webhook-signature"), Body: last.body}
		if err := signing.Verify([]signing.Secret{secret}, d, time.Now(), signing.Tolerance); err != nil {
			t.Errorf("during rotation: %v", err)
		}
	}
	must(t, g.registry.RemoveSubscription(t.Context(), "a"))
	g.publish(4, 1)
	if list := g.deliveries(relay.DeliveryQuery{Subscription: "a"}); len(list) != 3 {
		t.Errorf("%d deliveries", len(list))
	}
}

func TestFailingSubscriptionIsAnnouncedDisabledAndRecovers(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run(func(o *notifier.Options) { o.DisableFailures, o.DisableAfter = 10, time.Nanosecond })
	var broken atomic.Bool
	broken.Store(true)
	target := newSink(t, func(w http.ResponseWriter, _ got, _ int) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	g.subscribe("a", target.URL, waits(time.Hour), func(d *subscription.Declaration) { d.MaxInFlight = ptr(1) })
	g.publish(1, 6)
	g.announced(relay.EventSubscriptionFailing)
	eventually(t, "failing", func() bool {
		row, err := g.registry.Subscription(t.Context(), "a")
		return err == nil && row.State == relay.SubscriptionFailing && row.Reason == "HTTP 500"
	})
	g.publish(7, 4)
	g.announced(relay.EventSubscriptionDisabled)
	broken.Store(false)
	_, err := g.registry.ResumeSubscription(t.Context(), "a")
	must(t, err)
	g.publish(11, 1)
	g.ledgerHolds("a", relay.DeliveryDelivered, 1)
}

func TestReplayedDeliveryCarriesTheReplay(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, nil)
	g.publish(1, 1)
	g.subscribe("a", target.URL)
	must(t, g.ledger.StageDeliveries(t.Context(), "r1", g.dueFor("a", 1), 0))
	one := target.await(t, "the replayed event", atLeast(1))[0]
	if one.header.Get("webhook-replay") != "r1" || one.id() != eventID(1) {
		t.Errorf("headers %v", one.header)
	}
	g.ledgerHolds("a", relay.DeliveryDelivered, 1)
}

func TestAReplayKeepsWhatTheDeliveryCameToBefore(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, nil)
	g.subscribe("a", target.URL)
	g.publish(1, 1)
	target.await(t, "the event", atLeast(1))
	g.ledgerHolds("a", relay.DeliveryDelivered, 1)
	due := g.dueFor("a", 1)
	must(t, g.ledger.StageDeliveries(t.Context(), "r1", due, 0))
	var history []relay.DeliveryAttempt
	eventually(t, "both attempts are in the ledger", func() bool {
		detail, err := g.registry.Delivery(t.Context(), due[0].ID())
		history = detail.History
		return err == nil && len(history) == 2
	})
	if history[0].Number != 1 || history[0].Status != 200 || history[0].Replay != "" || history[1].Number != 2 || history[1].Replay != "r1" {
		t.Errorf("%+v", history)
	}
}

// A replay at a capped rate is handed out in pieces. What would go out at once holds up the others' events.
func TestWhatAReplayHandsOutIsDeliveredEvenly(t *testing.T) {
	t.Parallel()
	const events, over = 40, time.Second
	g := newGround(t)
	g.run()
	target := newSink(t, nil)
	g.publish(1, events)
	g.subscribe("a", target.URL)
	began := time.Now()
	must(t, g.ledger.StageDeliveries(t.Context(), "r1", g.dueFor("a", events), over))
	for i, one := range target.await(t, "all events", atLeast(events)) {
		if due := began.Add(time.Duration(i+1) * over / events); one.at.Before(due.Add(-5 * time.Millisecond)) {
			t.Errorf("delivery %d came %v before its time", i+1, due.Sub(one.at))
		}
	}
}

// dueFor gives the first events of the log as a replay to a subscription has them.
func (g *ground) dueFor(name string, events uint64) (due []relay.Due) {
	g.t.Helper()
	subscriber, err := g.ledger.Subscriber(g.t.Context(), name)
	must(g.t, err)
	for sequence := uint64(1); sequence <= events; sequence++ {
		m, err := g.bus.Message(g.t.Context(), relay.StreamEvents, sequence)
		must(g.t, err)
		due = append(due, relay.Due{EventID: m.ID, EventType: m.Type,
			DeliveryKey: relay.DeliveryKey{Subscription: subscriber.ID, Sequence: sequence, StoredAt: m.Stored.Truncate(time.Microsecond)}})
	}
	return due
}
