package bus_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/relay"
)

// childDir makes this test binary run a server in that directory instead of the tests.
const childDir, childAddr = "EDRELAY_TEST_NATS_DIR", "EDRELAY_TEST_NATS_ADDR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if _, err := embedded.StartNATS(embedded.NATSConfig{Dir: dir, Addr: os.Getenv(childAddr)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(m.Run())
}

// child is a server in a process of its own, which can be killed.
type child struct {
	t         testing.TB
	dir, addr string
	command   *exec.Cmd
}

func newChild(t testing.TB) *child {
	port := freePort(t)
	c := &child{t: t, dir: t.TempDir(), addr: fmt.Sprintf("127.0.0.1:%d", port)}
	c.start()
	t.Cleanup(c.kill)
	return c
}

func freePort(t testing.TB) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (c *child) start() {
	c.command = exec.Command(os.Args[0])
	c.command.Env = append(os.Environ(), childDir+"="+c.dir, childAddr+"="+c.addr)
	c.command.Stderr = os.Stderr
	if err := c.command.Start(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) kill() {
	_ = c.command.Process.Kill()
	_ = c.command.Wait()
}

func (c *child) connect() *bus.Bus {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		b, err := bus.Connect(c.t.Context(), bus.Config{URL: "nats://" + c.addr, PublishTimeout: 20 * time.Second})
		if err == nil {
			c.t.Cleanup(b.Close)
			if err := b.EnsureStreams(c.t.Context()); err != nil {
				c.t.Fatal(err)
			}
			return b
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("connect: %v", err)
		}
	}
}

func TestKilledServerLosesNothingAckedAndKeepsNothingTwice(t *testing.T) {
	t.Parallel()
	c := newChild(t)
	b := c.connect()
	const callers, each = 32, 60
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		receipts = map[string]uint64{}
		progress = make(chan struct{}, callers*each)
	)
	for n := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", n, i)
				receipt, err := b.Publish(t.Context(), event(id))
				if err != nil {
					t.Errorf("publish %s: %v", id, err)
					return
				}
				mu.Lock()
				receipts[id] = receipt.Sequence
				mu.Unlock()
				progress <- struct{}{}
			}
		})
	}
	for range 2 { // twice in the middle of it
		for range callers * each / 4 {
			<-progress
		}
		c.kill()
		c.start()
	}
	wg.Wait()
	info, err := b.Stream(t.Context(), relay.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if len(receipts) != callers*each || info.Messages != callers*each {
		t.Errorf("%d receipts, %d messages on the log, want %d of each", len(receipts), info.Messages, callers*each)
	}
	for id, sequence := range receipts {
		if got, err := b.Message(t.Context(), relay.StreamEvents, sequence); err != nil || got.ID != id {
			t.Fatalf("sequence %d holds %q (%v), want %q", sequence, got.ID, err, id)
		}
	}
}

func TestPublishWithoutServerEndsInTime(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.connect(func(c *bus.Config) { c.PublishTimeout = 300 * time.Millisecond })
	publish(t, b, event("before"))
	g.stop()
	began := time.Now()
	_, err := b.Publish(t.Context(), event("away"))
	if relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("error %v, want unavailable", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	g.start()
	again, err := eventually(t, b, event("away"))
	if err != nil || again.Sequence != 2 {
		t.Errorf("after the restart: %+v, %v", again, err)
	}
}

func eventually(t testing.TB, b *bus.Bus, m relay.Message) (receipt relay.Receipt, err error) {
	ctx := within(t, 20*time.Second)
	for ctx.Err() == nil {
		if receipt, err = b.Publish(ctx, m); err == nil {
			return receipt, nil
		}
	}
	return receipt, err
}
