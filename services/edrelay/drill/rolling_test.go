package drill

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// balancer passes connections on to the doors that take them, one after the other.
type balancer struct {
	listener net.Listener
	mu       sync.Mutex
	doors    []string
	next     int
}

func newBalancer(t testing.TB, doors ...string) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listener: listener, doors: doors}
	go b.serve()
	t.Cleanup(func() { listener.Close() })
	return b
}

func (b *balancer) serve() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.pass(conn)
	}
}

// use sets the doors that new connections go to.
func (b *balancer) use(doors ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doors = doors
}

// pick gives the doors in the order in which they are tried.
func (b *balancer) pick() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	at := b.next % len(b.doors)
	return slices.Concat(b.doors[at:], b.doors[:at])
}

func (b *balancer) pass(conn net.Conn) {
	defer conn.Close()
	for _, door := range b.pick() {
		to, err := net.DialTimeout("tcp", door, time.Second)
		if err != nil {
			continue
		}
		defer to.Close()
		go func() {
			_, _ = io.Copy(to, conn)
			_ = to.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(conn, to)
		return
	}
}

func TestARollingRestartOfEverythingFailsNoRequestAndDoublesNothing(t *testing.T) {
	t.Parallel()
	sim, lmsURL := lms(t)
	p := newParts(t, lmsURL, embeddedtest.NATS(t), embeddedtest.Postgres(t), 1, "enroller")
	doors := []string{embeddedtest.FreeAddr(t), embeddedtest.FreeAddr(t)}
	running := []*process{p.start("ingress", doors[0]), p.start("ingress", doors[1])}
	front := newBalancer(t, doors...)
	traffic := startLoad(t, front.listener.Addr().String(), 4, 5*time.Millisecond)
	more := func() {
		n := len(traffic.sent())
		await(t, "too few orders are accepted", 60*time.Second, func() bool { return len(traffic.sent()) > n+40 })
	}
	more()
	for i, door := range doors {
		front.use(doors[1-i])
		running[i].stop()
		more()
		running[i] = p.start("ingress", door)
		front.use(doors...)
		more()
	}
	old := p.services["enroller"]
	p.start("enroller", embeddedtest.FreeAddr(t))
	old.stop()
	more()
	traffic.end()
	if failed := traffic.failed.Load(); failed != 0 {
		t.Errorf("%d requests failed of %d", failed, len(traffic.sent()))
	}
	settled(p.site, traffic.sent(), 120*time.Second)
	accounted(p.site, traffic.sent())
	if out, err := p.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 {
		t.Errorf("a learner was mailed %d times", stats.MailsPerSeat)
	}
	t.Logf("%d orders", len(traffic.sent()))
}
