package bridge_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/bridge"
)

// redisServer is a real Redis that keeps every write over a kill.
type redisServer struct {
	t      testing.TB
	dir    string
	socket string
	cmd    *exec.Cmd
	client *redis.Client
}

func startRedis(t testing.TB) *redisServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "edrelay-redis") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	r := &redisServer{t: t, dir: dir, socket: filepath.Join(dir, "r.sock")}
	r.client = redis.NewClient(&redis.Options{Network: "unix", Addr: r.socket, Protocol: 2, MaxRetries: 20, MinRetryBackoff: 20 * time.Millisecond})
	r.start()
	t.Cleanup(func() {
		r.client.Close()
		r.kill()
		os.RemoveAll(dir)
	})
	return r
}

func (r *redisServer) url() string { return "unix://" + r.socket }

func (r *redisServer) start() {
	r.t.Helper()
	os.Remove(r.socket)
	r.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", r.socket, "--dir", r.dir, "--save", "", "--appendonly", "yes",
		"--appendfsync", "always", "--stream-node-max-entries", "10", "--daemonize", "no")
	r.cmd.Stdout = io.Discard
	if err := r.cmd.Start(); err != nil {
		r.t.Fatalf("start redis-server (make test installs it): %v", err)
	}
	eventually(r.t, "Redis answers", func() bool {
		conn, err := net.Dial("unix", r.socket)
		if err != nil {
			return false
		}
		conn.Close()
		return r.client.Ping(context.Background()).Err() == nil
	})
}

func (r *redisServer) kill() {
	r.cmd.Process.Signal(syscall.SIGKILL)
	r.cmd.Wait()
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(90 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in 90 s not: %s", what)
		}
	}
}

// ground is everything that a bridge stands on.
type ground struct {
	t         testing.TB
	redis     *redisServer
	bus       *bus.Bus
	natsURL   string
	catalogue *openedx.Catalogue
}

func newGround(t testing.TB) *ground {
	t.Helper()
	g := &ground{t: t, redis: startRedis(t), natsURL: embeddedtest.NATS(t)}
	var err error
	if g.bus, err = bus.Connect(t.Context(), bus.Config{URL: g.natsURL}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.bus.Close)
	if err := g.bus.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.catalogue, err = openedx.Load(); err != nil {
		t.Fatal(err)
	}
	return g
}

const key = "dev-learning"

func (g *ground) options() bridge.Options {
	return bridge.Options{
		RedisURL: g.redis.url(), Prefix: "dev", Topics: []string{"learning"}, Publish: g.bus, Catalogue: g.catalogue,
		Block: 50 * time.Millisecond, Batch: 100,
	}
}

// run starts a bridge; stop ends it and may be called twice.
func (g *ground) run(o bridge.Options) (stop func()) {
	g.t.Helper()
	service, err := bridge.New(o)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := service.Run(ctx); err != nil {
			g.t.Errorf("the bridge ended with %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	g.t.Cleanup(stop)
	return stop
}

const registration = "org.openedx.learning.student.registration.completed.v1"

// event gives a registration whose id says its number.
func (g *ground) event(n int) relay.Message {
	g.t.Helper()
	m, err := g.catalogue.SampleEvent(registration, eventID(n), time.Unix(1_760_000_000, 0))
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

func eventID(n int) string { return fmt.Sprintf("00000000-0000-11f0-8000-%012d", n) }

// values gives the fields of an entry as upstream's producer writes them.
func values(e openedx.BusEntry) []any {
	return []any{"type", e.Type, "id", e.ID, "source", e.Source, "time", e.Time, "minorversion", e.MinorVersion,
		"sourcehost", e.SourceHost, "sourcelib", e.SourceLib, "event_data", e.Data}
}

// add puts the events first..last on the bus.
func (g *ground) add(first, last int) {
	g.t.Helper()
	pipe := g.redis.client.Pipeline()
	for n := first; n <= last; n++ {
		entry, err := g.catalogue.EncodeBus(g.event(n))
		if err != nil {
			g.t.Fatal(err)
		}
		pipe.XAdd(g.t.Context(), &redis.XAddArgs{Stream: key, Values: values(entry)})
	}
	if _, err := pipe.Exec(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

// read gives count messages of a stream of the log, from the beginning.
func (g *ground) read(stream, subject string, count int) []relay.Received {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 90*time.Second)
	defer cancel()
	var got []relay.Received
	for sequence := uint64(1); len(got) < count; {
		m, err := g.bus.NextMessage(ctx, stream, sequence, subject)
		if relay.CodeOf(err) == relay.CodeNotFound {
			select {
			case <-time.After(5 * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		if err != nil {
			g.t.Fatalf("%d of %d messages of %s: %v", len(got), count, stream, err)
		}
		got = append(got, m)
		sequence = m.Sequence + 1
	}
	return got
}

// total is how many messages a stream of the log has.
func (g *ground) total(stream string) uint64 {
	g.t.Helper()
	info, err := g.bus.Stream(g.t.Context(), stream)
	if err != nil {
		g.t.Fatal(err)
	}
	return info.Messages
}

// acknowledged waits until the group has everything and holds nothing.
func (g *ground) acknowledged(group string) {
	g.t.Helper()
	eventually(g.t, "all entries acknowledged", func() bool {
		groups, err := g.redis.client.XInfoGroups(g.t.Context(), key).Result()
		last, err2 := g.redis.client.XInfoStream(g.t.Context(), key).Result()
		if err != nil || err2 != nil {
			return false
		}
		for _, one := range groups {
			if one.Name == group {
				return one.Pending == 0 && one.LastDeliveredID == last.LastGeneratedID
			}
		}
		return false
	})
}
