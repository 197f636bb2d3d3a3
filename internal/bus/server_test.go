package bus_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/relay"
)

// ground is a JetStream server of a test, with fsync on every write; it can be stopped and started again.
type ground struct {
	t      testing.TB
	dir    string
	addr   string
	server *embedded.NATS
}

func newGround(t testing.TB) *ground {
	g := &ground{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	g.start()
	t.Cleanup(g.stop)
	return g
}

func (g *ground) start() {
	server, err := embedded.StartNATS(embedded.NATSConfig{Dir: g.dir, Addr: g.addr})
	if err != nil {
		g.t.Fatalf("start the server: %v", err)
	}
	at, err := url.Parse(server.URL())
	if err != nil {
		g.t.Fatal(err)
	}
	g.server, g.addr = server, at.Host
}

func (g *ground) stop() { g.server.Shutdown() }

func (g *ground) connect(change ...func(*bus.Config)) *bus.Bus {
	g.t.Helper()
	config := bus.Config{URL: g.server.URL()}
	for _, c := range change {
		c(&config)
	}
	b, err := bus.Connect(g.t.Context(), config)
	if err != nil {
		g.t.Fatalf("connect: %v", err)
	}
	g.t.Cleanup(b.Close)
	if err := b.EnsureStreams(g.t.Context()); err != nil {
		g.t.Fatalf("ensure streams: %v", err)
	}
	return b
}

// staged has the server stage batches in memory, as `up` does.
func (g *ground) staged(b *bus.Bus) *bus.Bus {
	g.t.Helper()
	if err := g.server.StageInMemory(relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents); err != nil {
		g.t.Fatalf("stage in memory: %v", err)
	}
	return b
}

func event(id string) relay.Message {
	return relay.Message{Subject: "events.test.happened.v1", ID: id, Type: "test.happened.v1", Source: "/test",
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), ContentType: "application/json", DedupID: id,
		Body: []byte(`{"n":"` + id + `"}`)}
}

func publish(t testing.TB, b *bus.Bus, m relay.Message) relay.Receipt {
	t.Helper()
	receipt, err := b.Publish(t.Context(), m)
	if err != nil {
		t.Fatalf("publish %s: %v", m.ID, err)
	}
	return receipt
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
