package notifier_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
	"github.com/edrelay/edrelay/internal/subscription"
)

func TestEveryEventIsDeliveredSignedAndOnRecord(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, nil)
	g.publish(1, 5) // before the subscription: not for it
	made := g.subscribe("crm", target.URL+"/hook", func(d *subscription.Declaration) {
		d.Format, d.Headers = ptr(relay.FormatPluginJSON), &map[string]string{"X-Team": "crm"}
	})
	secret, err := signing.Parse(made.Secrets[0])
	must(t, err)
	g.publish(6, 200)
	for _, one := range target.await(t, "200 events", atLeast(200)) {
		d := signing.Delivery{ID: one.id(), Timestamp: one.header.Get("webhook-timestamp"), Signature: one.header.Get("webhook-signature"), Body: one.body}
		if err := signing.Verify([]signing.Secret{secret}, d, time.Now(), signing.Tolerance); err != nil {
			t.Fatalf("%s: %v", one.id(), err)
		}
		if one.header.Get("ce-type") != "test.happened.v1" || one.header.Get("X-Team") != "crm" ||
			one.header.Get("Content-Type") != "application/json" || !strings.Contains(string(one.body), `"event_metadata": {`) {
			t.Fatalf("request %v %s", one.header, one.body)
		}
	}
	rows := g.ledgerHolds("crm", relay.DeliveryDelivered, 200)
	if len(rows) != 200 || rows[0].EventID != eventID(205) || rows[0].Attempts != 1 || rows[0].LastStatus != 200 {
		t.Errorf("%d rows, the newest %+v", len(rows), rows[0])
	}
	eventually(t, "everything acknowledged", func() bool {
		row, err := g.registry.Subscription(t.Context(), "crm")
		return err == nil && row.Backlog == 0
	})
}

func TestFailedDeliveryIsTriedAgainWithTheSameID(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "not now\x00\x1b")
		}
	})
	g.subscribe("a", target.URL, waits(50*time.Millisecond, 50*time.Millisecond))
	g.publish(1, 1)
	rows := g.ledgerHolds("a", relay.DeliveryDelivered, 1)
	detail, err := g.ledger.Delivery(t.Context(), rows[0].ID)
	must(t, err)
	if len(detail.History) != 3 || detail.History[0].Status != 503 || detail.History[0].Error != "HTTP 503" ||
		!strings.HasPrefix(detail.History[0].Answer, "not now") || detail.History[2].Status != 200 || detail.Attempts != 3 {
		t.Errorf("history %+v", detail)
	}
	all := target.all()
	if len(distinct(all)) != 1 || len(all) != 3 || all[0].id() != eventID(1) {
		t.Errorf("ids %v", distinct(all))
	}
}

// A kept connection that the subscriber cuts without an answer is a connection error like others: one second try
// belongs to the attempt, and no more.
func TestAKeptConnectionCutWithoutAnswerIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number > 1 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		}
	})
	g.subscribe("a", target.URL, waits(time.Hour))
	g.publish(1, 1)
	g.ledgerHolds("a", relay.DeliveryDelivered, 1)
	g.publish(2, 1)
	rows := g.ledgerHolds("a", relay.DeliveryWaiting, 1)
	if calls := distinct(target.all())[eventID(2)]; calls != 2 || rows[0].Attempts != 1 {
		t.Errorf("%d calls in %d attempts: %+v", calls, rows[0].Attempts, rows[0])
	}
}

func TestExhaustedDeliveryIsParkedAndCanBeRetried(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number <= 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	g.subscribe("a", target.URL, waits(20*time.Millisecond, 20*time.Millisecond))
	g.publish(1, 1)
	row := g.ledgerHolds("a", relay.DeliveryParked, 1)[0]
	if row.Attempts != 3 || row.NextAttemptAt != nil || row.LastError != "gave up after 3 attempts: HTTP 500" {
		t.Errorf("parked %+v", row)
	}
	if open := g.deliveries(relay.DeliveryQuery{Undelivered: true}); len(open) != 1 {
		t.Errorf("undelivered: %v", open)
	}
	must(t, g.ledger.RetryDelivery(t.Context(), row.ID))
	if again := g.ledgerHolds("a", relay.DeliveryDelivered, 1)[0]; again.Attempts != 4 {
		t.Errorf("after the retry %+v", again)
	}
}

func TestGoneDisablesAndKeepsTheBacklogUntilResumed(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number == 1 {
			w.WriteHeader(http.StatusGone)
		}
	})
	g.subscribe("a", target.URL)
	g.publish(1, 1)
	parked := g.ledgerHolds("a", relay.DeliveryParked, 1)
	g.announced(relay.EventSubscriptionDisabled)
	row, err := g.registry.Subscription(t.Context(), "a")
	must(t, err)
	if row.State != relay.SubscriptionDisabled || parked[0].LastStatus != 410 {
		t.Errorf("%s, %+v", row.State, parked[0])
	}
	g.publish(2, 10)
	eventually(t, "a backlog of 10", func() bool {
		row, err := g.registry.Subscription(t.Context(), "a")
		return err == nil && row.Backlog == 10
	})
	row, err = g.registry.ResumeSubscription(t.Context(), "a")
	must(t, err)
	if row.State != relay.SubscriptionActive {
		t.Errorf("after resume: %s", row.State)
	}
	g.ledgerHolds("a", relay.DeliveryDelivered, 10)
}

func TestRetryAfterWinsOverTheList(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	g.subscribe("a", target.URL, waits(time.Hour))
	g.publish(1, 1)
	all := target.await(t, "the second attempt", func(all []got) bool { return len(all) == 2 })
	if waited := all[1].at.Sub(all[0].at); waited < 990*time.Millisecond || waited > 4*time.Second {
		t.Errorf("waited %s, told 1s", waited)
	}
}

func TestOrderedSubscriptionSeesEventsInOrderThroughFailures(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, func(w http.ResponseWriter, r got, number int) {
		if number%4 == 0 || r.id() == eventID(7) { // event 7 never works
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	g.subscribe("a", target.URL, ordered, waits(10*time.Millisecond, 10*time.Millisecond))
	g.publish(1, 20)
	g.ledgerHolds("a", relay.DeliveryDelivered, 19)
	if parked := g.ledgerHolds("a", relay.DeliveryParked, 1); parked[0].EventID != eventID(7) {
		t.Errorf("parked %+v", parked)
	}
	last := ""
	for _, one := range target.all() {
		if one.id() < last {
			t.Fatalf("%s came after %s", one.id(), last)
		}
		last = one.id()
	}
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	target := newSink(t, nil)
	g.subscribe("a", target.URL, func(d *subscription.Declaration) { d.Rate = ptr(20.0) })
	g.publish(1, 50)
	all := target.await(t, "50 events", atLeast(50))
	if took := all[len(all)-1].at.Sub(all[0].at); took < 1300*time.Millisecond { // 20 at once, then 30 at 20/s
		t.Errorf("50 events took %s", took)
	}
}
