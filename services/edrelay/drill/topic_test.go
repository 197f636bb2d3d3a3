package drill

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/openedx"
)

// topic is the Open edX event bus: a Redis of the test's own with one stream.
type topic struct {
	t         testing.TB
	addr      string
	client    *redis.Client
	catalogue *openedx.Catalogue
	stop      chan struct{}
	once      sync.Once
	ended     sync.WaitGroup
	mu        sync.Mutex
	spoken    []string
}

const topicName = "learning"

func newTopic(t testing.TB) *topic { return newTopicAt(t, "127.0.0.1") }

func newTopicAt(t testing.TB, host string) *topic {
	t.Helper()
	_, port, _ := net.SplitHostPort(embeddedtest.FreeAddr(t))
	cmd := exec.Command("redis-server", "--bind", host, "--protected-mode", "no", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no", "--daemonize", "no")
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server (make soak installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b := &topic{t: t, addr: net.JoinHostPort(host, port), stop: make(chan struct{})}
	b.client = redis.NewClient(&redis.Options{Addr: b.addr, Protocol: 2})
	t.Cleanup(func() { b.client.Close() })
	await(t, "Redis does not answer", 30*time.Second, func() bool { return b.client.Ping(t.Context()).Err() == nil })
	var err error
	if b.catalogue, err = openedx.Load(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *topic) config() string {
	return fmt.Sprintf("bridge: { redis: { url: %q, topics: [%s] } }", "redis://"+b.addr+"/0", topicName)
}

// talk puts so many events a second on the bus, which keeps the newest 20,000.
func (b *topic) talk(perSecond int) {
	b.t.Cleanup(b.end)
	ticks := pace(max(1, perSecond), b.stop)
	b.ended.Go(func() {
		number := 0
		for range ticks {
			number++
			if err := b.say(eventID(0xfff, number)); err != nil {
				b.t.Errorf("put an event on the bus: %v", err)
				return
			}
		}
	})
}

func (b *topic) say(id string) error {
	m, err := b.catalogue.SampleEvent(registration, id, time.Unix(1_760_000_000, 0))
	if err != nil {
		return err
	}
	e, err := b.catalogue.EncodeBus(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = b.client.XAdd(ctx, &redis.XAddArgs{Stream: topicName, MaxLen: 20_000, Approx: true, Values: []any{"type", e.Type, "id", e.ID, "source", e.Source,
		"time", e.Time, "minorversion", e.MinorVersion, "sourcehost", e.SourceHost, "sourcelib", e.SourceLib, "event_data", e.Data}}).Err()
	if err == nil {
		b.mu.Lock()
		b.spoken = append(b.spoken, id)
		b.mu.Unlock()
	}
	return err
}

func (b *topic) end() {
	b.once.Do(func() { close(b.stop) })
	b.ended.Wait()
}

func (b *topic) sent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.spoken)
}
