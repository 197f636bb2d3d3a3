package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/console/desk"
)

func withLog(t *testing.T) (*running, *bus.Bus) {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	return start(t, func(o *console.Options) { o.Ports.Log = b }), b
}

func send(t *testing.T, b *bus.Bus, m relay.Message) relay.Receipt {
	t.Helper()
	m.Time, m.ContentType = time.Now(), "application/json"
	receipt, err := b.Publish(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func webhook(id, topic string) relay.Message {
	return relay.Message{
		Subject: relay.WebhookSubject("shopify", topic), ID: id, Type: "t", Source: "/s", DedupID: id, Body: []byte(`{"order":"` + id + `"}`),
		Header: map[string]string{relay.HeaderSource: "shopify", relay.HeaderTopic: topic, "x-shopify-hmac-sha256": "c2lnbmF0dXJl"},
	}
}

func TestWebhooksThatOnlyTheLogKnowsAreListed(t *testing.T) {
	t.Parallel()
	r, b := withLog(t)
	for i := range 3 {
		receipt := send(t, b, webhook(fmt.Sprintf("w%d", i), "orders/create"))
		if i == 0 {
			r.ledger.webhooks = []relay.Webhook{{ID: "w0", Source: "shopify", State: relay.WebhookDone, ReceivedAt: time.Now(), Sequence: receipt.Sequence}}
		}
	}
	send(t, b, relay.Message{
		Subject: relay.RejectedSubject("shopify", "signature"), ID: "bad", Type: "t", Source: "/s", Body: []byte("\xff"),
		Header: map[string]string{relay.HeaderSource: "shopify", relay.HeaderTopic: "orders/create", relay.HeaderReason: "signature"},
	})
	for query, want := range map[string]string{
		"": "rejected-1=rejected w2=accepted w1=accepted w0=done", "?state=accepted": "w2=accepted w1=accepted", "?state=rejected": "rejected-1=rejected",
		"?state=done": "w0=done", "?source=nobody": "", "?state=rejected&source=shopify": "rejected-1=rejected", "?state=rejected&topic=other": "",
		"?state=accepted&topic=orders/create": "w2=accepted w1=accepted", "?state=accepted&topic=orders/paid": "",
	} {
		var got []string
		for _, w := range get[rowsOf[relay.Webhook]](r, "/api/v1/webhooks"+query).Items {
			got = append(got, w.ID+"="+string(w.State))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
}

func TestPagesOfTheLogMissNothing(t *testing.T) {
	t.Parallel()
	r, b := withLog(t)
	for i := range 45 {
		send(t, b, webhook(fmt.Sprintf("w%d", i), "orders/create"))
		if i%3 == 0 {
			send(t, b, relay.Message{Subject: relay.RejectedSubject("shopify", "signature"), ID: fmt.Sprint(i), Type: "t", Source: "/s"})
		}
	}
	for _, query := range []string{"", "&state=rejected", "&state=accepted"} {
		want := map[string]int{"": 60, "&state=rejected": 15, "&state=accepted": 45}[query]
		seen := map[string]bool{}
		for cursor := ""; ; {
			p := get[rowsOf[relay.Webhook]](r, "/api/v1/webhooks?limit=4&cursor="+cursor+query)
			for _, w := range p.Items {
				if seen[w.ID] {
					t.Errorf("%q: %s twice", query, w.ID)
				}
				seen[w.ID] = true
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if len(seen) != want {
			t.Errorf("%q: %d rows, want %d", query, len(seen), want)
		}
	}
}

func TestAWebhookIsShownWithItsPayloadAndWithoutItsSignature(t *testing.T) {
	t.Parallel()
	r, b := withLog(t)
	send(t, b, webhook("w1", "orders/create"))
	got := get[desk.WebhookDetail](r, "/api/v1/webhooks/w1")
	if got.State != relay.WebhookAccepted || got.Message == nil || got.Message.Body != `{"order":"w1"}` || got.Message.Headers[relay.HeaderTopic] != "orders/create" {
		t.Errorf("%+v", got)
	}
	if _, raw := r.call(http.MethodGet, "/api/v1/webhooks/w1", "", nil); strings.Contains(string(raw), "c2lnbmF0dXJl") {
		t.Error("the signature is shown")
	}
	send(t, b, relay.Message{Subject: relay.RejectedSubject("shopify", "signature"), ID: "x", Type: "t", Source: "/s", Body: []byte("\xff\x00")})
	rejected := get[desk.WebhookDetail](r, "/api/v1/webhooks/rejected-1")
	if rejected.State != relay.WebhookRejected || rejected.Message.Encoding != "base64" || rejected.Message.Body != "/wA=" {
		t.Errorf("%+v %+v", rejected, rejected.Message)
	}
	for _, id := range []string{"rejected-2", "rejected-x", "w2"} {
		if status, _ := r.call(http.MethodGet, "/api/v1/webhooks/"+id, "", nil); status != 404 {
			t.Errorf("%s: %d", id, status)
		}
	}
}

func TestEventsAreListedByTypeAndPrefix(t *testing.T) {
	t.Parallel()
	r, b := withLog(t)
	for i, eventType := range []string{"org.openedx.learning.a.v1", "org.openedx.learned.b.v1", "io.edrelay.c.v1"} {
		id := fmt.Sprintf("e%d", i)
		send(t, b, relay.Message{Subject: relay.EventSubject(eventType), ID: id, Type: eventType, Source: "/lms", DedupID: id, Body: []byte("{}")})
	}
	for query, want := range map[string]string{
		"": "e2 e1 e0", "?type=*": "e2 e1 e0", "?type=org.openedx.lear*": "e1 e0", "?type=org.openedx.learning.*": "e0", "?type=io.edrelay.c.v1": "e2",
		"?type=nothing": "", "?type=a%20b": "", "?id=e1": "e1", "?source=/lms&limit=1": "e2", "?source=/other": "", "?since=1h": "e2 e1 e0", "?until=1h": "",
	} {
		var got []string
		for _, e := range get[rowsOf[relay.Event]](r, "/api/v1/events"+query).Items {
			got = append(got, e.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, key := range []string{"2", "e1"} {
		if got := get[desk.EventDetail](r, "/api/v1/events/"+key); got.ID != "e1" || got.Message.Body != "{}" {
			t.Errorf("%s: %+v", key, got)
		}
	}
}
