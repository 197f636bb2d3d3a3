package ingress_test

import (
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

func connect(t *testing.T, url string) *bus.Bus {
	t.Helper()
	log, err := bus.Connect(t.Context(), bus.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	if err := log.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestWhatIsAnswered200IsOnTheLogByteForByte(t *testing.T) {
	t.Parallel()
	log := connect(t, embeddedtest.NATS(t))
	door := sourcetest.Open(t, func(o *ingress.Options) { o.Publish = log }, shop(t, "shopify", "a.example", "s"))
	const senders = 40
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for range 2 { // each is sent twice
				if answer := door.Post(t, signed("a.example", "s", order(i+1))); answer.Status != 200 {
					t.Errorf("status %d", answer.Status)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for sequence := uint64(1); sequence <= senders; sequence++ {
		m, err := log.Message(t.Context(), relay.StreamWebhooks, sequence)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(m.Body)] = true
		if m.Subject != "webhooks.shopify.orders.create" || m.Source != "/sources/shopify" || m.ContentType != "application/json" ||
			m.Header["x-shopify-shop-domain"] != "a.example" || m.About == "" {
			t.Errorf("message %+v", m)
		}
	}
	for i := range senders {
		if !seen[string(order(i+1))] {
			t.Errorf("order %d is not on the log", i+1)
		}
	}
	if _, err := log.Message(t.Context(), relay.StreamWebhooks, senders+1); err == nil {
		t.Error("a repeated webhook is on the log twice")
	}
}

func TestWithoutALogTheSenderHears503(t *testing.T) {
	t.Parallel()
	server := embeddedtest.NATSServer(t)
	log := connect(t, server.URL())
	door := sourcetest.Open(t, func(o *ingress.Options) {
		o.Publish, o.PublishTimeout = log, 300*time.Millisecond
	}, shop(t, "shopify", "a.example", "s"))
	server.Stop()
	for range 3 {
		answer := door.Post(t, signed("a.example", "s", order(1)))
		if answer.Status != 503 || answer.Header.Get("Retry-After") == "" {
			t.Fatalf("status %d, Retry-After %q", answer.Status, answer.Header.Get("Retry-After"))
		}
	}
	server.Start()
	deadline := time.Now().Add(20 * time.Second)
	for door.Post(t, signed("a.example", "s", order(1))).Status != 200 {
		if time.Now().After(deadline) {
			t.Fatal("the door does not take webhooks again")
		}
	}
}

func TestARejectedWebhookIsOnTheLogWithItsReason(t *testing.T) {
	t.Parallel()
	log := connect(t, embeddedtest.NATS(t))
	door := sourcetest.Open(t, func(o *ingress.Options) { o.Publish = log }, shop(t, "shopify", "a.example", "s"))
	sample := signed("a.example", "wrong", order(1))
	door.Post(t, sample)
	deadline := time.Now().Add(10 * time.Second)
	for {
		m, err := log.LastMessage(t.Context(), relay.StreamRejected, "rejected.shopify.signature")
		if err == nil {
			if string(m.Body) != string(sample.Body) || m.Header[relay.HeaderReason] != "signature" ||
				m.Header[relay.HeaderPath] != orderPath || m.Header["x-shopify-hmac-sha256"] != sample.Header["X-Shopify-Hmac-Sha256"] {
				t.Errorf("message %+v", m)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
