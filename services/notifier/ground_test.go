package notifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/internal/subscription"
	"github.com/edrelay/edrelay/services/notifier"
)

const patience = 60 * time.Second

// ground is a log, a ledger and a registry of a test.
type ground struct {
	t         testing.TB
	bus       *bus.Bus
	ledger    *store.Subscriptions
	registry  *notifier.Registry
	client    *egress.Client
	catalogue *openedx.Catalogue
}

func newGround(t testing.TB) *ground {
	t.Helper()
	connected, err := bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)})
	must(t, err)
	t.Cleanup(connected.Close)
	must(t, connected.EnsureStreams(t.Context()))
	return groundOn(t, connected)
}

func groundOn(t testing.TB, connected *bus.Bus) *ground {
	ring, err := sealing.New(sealing.NewKey())
	must(t, err)
	client, err := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	must(t, err)
	catalogue, err := openedx.Load()
	must(t, err)
	g := &ground{t: t, bus: connected, ledger: storetest.Open(t).Subscriptions(ring), client: client, catalogue: catalogue}
	g.registry = notifier.NewRegistry(notifier.RegistryOptions{Ledger: g.ledger, Log: connected, Client: client,
		Encoder: catalogue, Sampler: catalogue})
	return g
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// process is a running notifier.
type process struct {
	stop context.CancelFunc
	done chan struct{}
}

// run starts a notifier that ends with the test.
func (g *ground) run(change ...func(*notifier.Options)) *process {
	g.t.Helper()
	options := notifier.Options{Log: g.bus, Ledger: g.ledger, Client: g.client, Encoder: g.catalogue, Drain: time.Second}
	for _, c := range change {
		c(&options)
	}
	n, err := notifier.New(options)
	must(g.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		if err := n.Run(ctx); err != nil {
			g.t.Errorf("run: %v", err)
		}
	}()
	g.t.Cleanup(p.end)
	return p
}

func (p *process) end() {
	p.stop()
	<-p.done
}

func ptr[T any](value T) *T { return &value }

// subscribe declares a subscription to the events of this test.
func (g *ground) subscribe(name, url string, change ...func(*subscription.Declaration)) relay.Subscription {
	g.t.Helper()
	d := subscription.Declaration{Name: name, URL: &url, Events: &[]string{"test.*"}, Format: ptr(relay.FormatCloudEvents),
		Timeout: ptr(relay.Duration(2 * time.Second))}
	for _, c := range change {
		c(&d)
	}
	text, err := json.Marshal(d)
	must(g.t, err)
	s, err := g.registry.AddSubscription(g.t.Context(), text)
	must(g.t, err)
	return s
}

func waits(all ...time.Duration) func(*subscription.Declaration) {
	return func(d *subscription.Declaration) {
		list := make([]relay.Duration, len(all))
		for i, wait := range all {
			list[i] = relay.Duration(wait)
		}
		d.Retry = &list
	}
}

func ordered(d *subscription.Declaration) { d.Ordered = ptr(true) }

func eventID(i int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", i) }

// publish puts events on the log, numbered from first.
func (g *ground) publish(first, count int) {
	g.t.Helper()
	var messages []relay.Message
	for i := first; i < first+count; i++ {
		messages = append(messages, sample(i))
	}
	_, err := g.bus.PublishBatch(g.t.Context(), messages)
	must(g.t, err)
}

func sample(i int) relay.Message {
	id := eventID(i)
	return relay.Message{Subject: "events.test.happened.v1", ID: id, Type: "test.happened.v1", Source: "openedx/test/web",
		Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), ContentType: "application/json", DedupID: id,
		Header: map[string]string{"ce-minorversion": "0", "ce-sourcehost": "host", "ce-sourcelib": "10.5.0"},
		Body:   fmt.Appendf(nil, `{"thing":{"number":%d}}`, i)}
}

// got is one request that a sink received.
type got struct {
	header http.Header
	body   []byte
	at     time.Time
}

func (r got) id() string { return r.header.Get("webhook-id") }

// sink is a subscriber's server.
type sink struct {
	*httptest.Server
	mu       sync.Mutex
	received []got
	signal   chan struct{}
	answer   func(w http.ResponseWriter, r got, number int)
}

// newSink answers 200, or as told; number counts the requests from 1.
func newSink(t testing.TB, answer func(w http.ResponseWriter, r got, number int)) *sink {
	s := &sink{signal: make(chan struct{}, 1), answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	one := got{header: r.Header, body: body, at: time.Now()}
	s.mu.Lock()
	s.received = append(s.received, one)
	number := len(s.received)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, one, number)
	}
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

func (s *sink) all() []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]got(nil), s.received...)
}

// await waits until the condition holds for what was received.
func (s *sink) await(t testing.TB, what string, holds func([]got) bool) []got {
	t.Helper()
	deadline := time.After(patience)
	for {
		if all := s.all(); holds(all) {
			return all
		}
		select {
		case <-s.signal:
		case <-deadline:
			t.Fatalf("%s: not within %s; %d requests came", what, patience, len(s.all()))
		}
	}
}

func distinct(all []got) map[string]int {
	ids := map[string]int{}
	for _, one := range all {
		ids[one.id()]++
	}
	return ids
}

func atLeast(n int) func([]got) bool {
	return func(all []got) bool { return len(distinct(all)) >= n }
}

// eventually looks until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func (g *ground) deliveries(query relay.DeliveryQuery) []relay.Delivery {
	g.t.Helper()
	list, err := g.ledger.Deliveries(g.t.Context(), query)
	must(g.t, err)
	return list
}

// ledgerHolds waits until so many deliveries of the subscription are in the state.
func (g *ground) ledgerHolds(name string, state relay.DeliveryState, count int) []relay.Delivery {
	g.t.Helper()
	var list []relay.Delivery
	eventually(g.t, fmt.Sprintf("%d deliveries of %s %s", count, name, state), func() bool {
		list = g.deliveries(relay.DeliveryQuery{Subscription: name, State: state})
		return len(list) >= count
	})
	return list
}

// announced waits for an event of edrelay on the log.
func (g *ground) announced(eventType string) relay.Received {
	g.t.Helper()
	var m relay.Received
	eventually(g.t, eventType, func() bool {
		var err error
		m, err = g.bus.LastMessage(g.t.Context(), relay.StreamEvents, relay.EventSubject(eventType))
		return err == nil || !errors.Is(err, relay.ErrNotFound)
	})
	return m
}
