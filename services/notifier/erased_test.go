package notifier_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// eraseEvent takes an event from the log as an erasure does, after its deliveries have ended.
func (g *ground) eraseEvent(row relay.Delivery) {
	g.t.Helper()
	due := []relay.Due{{DeliveryKey: relay.DeliveryKey{Sequence: row.Sequence, StoredAt: row.StoredAt}, EventID: row.EventID, EventType: row.EventType}}
	_, err := g.ledger.EndErasedDeliveries(g.t.Context(), due, relay.ForgottenReason)
	must(g.t, err)
	must(g.t, g.ledger.MarkErased(g.t.Context(), "e1", relay.StreamEvents, due))
	must(g.t, g.bus.Delete(g.t.Context(), relay.StreamEvents, row.Sequence))
}

func failFirst(w http.ResponseWriter, g got, _ int) {
	if g.id() == eventID(1) {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func TestAnErasedEventIsNotDeliveredThoughAnOrderedSubscriptionHoldsIt(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, failFirst)
	g.subscribe("a", target.URL, ordered, waits(15*time.Second, 15*time.Second))
	g.publish(1, 2)
	g.eraseEvent(g.ledgerHolds("a", relay.DeliveryWaiting, 1)[0])
	g.ledgerHolds("a", relay.DeliveryDelivered, 1)
	parked := g.ledgerHolds("a", relay.DeliveryParked, 1)[0]
	if parked.EventID != eventID(1) || parked.LastError != relay.ForgottenReason || parked.Attempts != 1 {
		t.Errorf("%+v", parked)
	}
	if all := target.all(); len(all) != 2 {
		t.Errorf("%d calls, want one for each event", len(all))
	}
}

func TestARetryOfAnErasedEventEndsAndSaysWhy(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, failFirst)
	g.subscribe("a", target.URL, waits(15*time.Second))
	g.publish(1, 1)
	row := g.ledgerHolds("a", relay.DeliveryWaiting, 1)[0]
	g.eraseEvent(row)
	g.ledgerHolds("a", relay.DeliveryParked, 1)
	must(t, g.ledger.RetryDelivery(t.Context(), row.ID)) // an operator, or a process that had it in hand
	eventually(t, "the retry ends", func() bool {
		rows := g.deliveries(relay.DeliveryQuery{State: relay.DeliveryParked})
		return len(rows) == 1 && rows[0].Attempts == 2 && rows[0].LastError == relay.ForgottenReason
	})
	if all := target.all(); len(all) != 1 {
		t.Errorf("%d calls after the erasure", len(all)-1)
	}
}
