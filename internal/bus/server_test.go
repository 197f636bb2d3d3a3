package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

// ground is a JetStream server of a test, with fsync on every write; it can be stopped and started again.
type ground struct {
	t      testing.TB
	dir    string
	port   int
	server *server.Server
}

func newGround(t testing.TB) *ground {
	g := &ground{t: t, dir: t.TempDir(), port: server.RANDOM_PORT}
	g.start()
	t.Cleanup(g.stop)
	return g
}

func (g *ground) start() {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: g.port, JetStream: true, StoreDir: g.dir,
		SyncAlways: true, NoLog: true, NoSigs: true, MaxPayload: 4 << 20})
	if err != nil {
		g.t.Fatalf("make the server: %v", err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		g.t.Fatal("the server did not get ready")
	}
	if address := s.Addr(); address != nil {
		g.port = portOf(address.String())
	}
	g.server = s
}

func (g *ground) stop() {
	g.server.Shutdown()
	g.server.WaitForShutdown()
}

func (g *ground) connect(change ...func(*bus.Config)) *bus.Bus {
	g.t.Helper()
	config := bus.Config{URL: g.server.ClientURL()}
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
