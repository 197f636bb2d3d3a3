package drill

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

func TestSendersAreAnsweredWhilePostgresIsGoneAndTheBacklogIsWorkedAfter(t *testing.T) {
	t.Parallel()
	_, lmsURL := lms(t)
	server := newLedger(t)
	p := newParts(t, lmsURL, embeddedtest.NATS(t), server.URL(), 1, "ingress", "enroller")
	var accepted []int64
	offer := func(from, to int64) {
		for id := from; id < to; id++ {
			if status := send(http.DefaultClient, "http://"+p.door, id); status != 200 {
				t.Errorf("order %d: %d", id, status)
			}
			accepted = append(accepted, id)
		}
	}
	offer(1, 10)
	server.Shutdown()
	offer(10, 30)
	p.services["ingress"].stop()
	p.start("ingress", p.door) // ready without the ledger
	offer(30, 40)
	server.start()
	offer(40, 50)
	settled(p.site, accepted, 120*time.Second)
	accounted(p.site, accepted)
	if out, err := p.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
}

func TestSendersHear503WhileNATSIsGoneAndNothingAcceptedIsLost(t *testing.T) {
	t.Parallel()
	nats := embeddedtest.NATSServer(t)
	p := newParts(t, "", nats.URL(), embeddedtest.Postgres(t), 1, "ingress", "enroller")
	door := "http://" + p.door
	if status := send(http.DefaultClient, door, 1); status != 200 {
		t.Fatalf("an order: %d", status)
	}
	nats.Stop()
	answer, err := http.DefaultClient.Do(order(door, 2))
	if err != nil || answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("while NATS is gone: %v, %v", answer, err)
	}
	nats.Start()
	await(t, "orders are not taken again", 60*time.Second, func() bool { return send(http.DefaultClient, door, 3) == 200 })
	if status := send(http.DefaultClient, door, 2); status != 200 {
		t.Errorf("the order that heard 503, sent again: %d", status)
	}
	await(t, "not all orders are seen", 60*time.Second, func() bool { return len(rows[struct{}](p.site, "/enrollments")) == 3 })
	accounted(p.site, []int64{1, 2, 3})
}

func TestNothingAcceptedIsLostOrDoubledWhenEdrelayIsKilled(t *testing.T) {
	t.Parallel()
	sim, lmsURL := lms(t)
	s := newSite(t, lmsURL)
	running := s.up()
	traffic := startLoad(t, s.door, 3, 10*time.Millisecond)
	for range 2 {
		n := len(traffic.sent())
		await(t, "too few orders are accepted", 90*time.Second, func() bool { return len(traffic.sent()) > n+30 })
		running.kill()
		running = s.up()
	}
	traffic.end()
	settled(s, traffic.sent(), 120*time.Second)
	accounted(s, traffic.sent())
	if out, err := s.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 || stats.BusiestMinute > 120 {
		t.Errorf("a learner was mailed %d times; %d calls in a minute", stats.MailsPerSeat, stats.BusiestMinute)
	}
	running.stop()
}

// A small file system holds the log, so that it fills: as root a mount of its own, else one in a user's namespace.
func TestAFullDiskIsA503AndLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.configure("", fmt.Sprintf("nats: { embedded: { addr: %q }, retention: { rejected_bytes: 1MiB } }", s.nats), fmt.Sprintf("database: { url: %q }", embeddedtest.Postgres(t)))
	log := filepath.Join(s.dir, "data", "nats")
	if err := os.MkdirAll(log, 0o755); err != nil {
		t.Fatal(err)
	}
	unshare := []string{"unshare", "-m"}
	if os.Geteuid() != 0 {
		unshare = []string{"unshare", "-rm"}
	}
	running := s.up(append(unshare, "sh", "-c", `mount -t tmpfs -o size=16m none "$0" && exec "$@"`, log)...)
	padding := make([]byte, 400<<10)
	for i := range padding {
		padding[i] = 'x'
	}
	door := "http://" + s.door
	accepted, refused := 0, 0
	for id := int64(1); refused < 3 && id < 200; id++ {
		switch status := sendPadded(door, id, string(padding)); status {
		case 200:
			accepted++
		case 503:
			refused++
		default:
			t.Fatalf("order %d on a full disk: %d", id, status)
		}
	}
	if refused == 0 || accepted < 10 {
		t.Fatalf("%d accepted, %d refused", accepted, refused)
	}
	select {
	case <-running.ended:
		t.Fatalf("edrelay ended: %v", running.err)
	default:
	}
	await(t, "an accepted order is not seen", 60*time.Second, func() bool { return len(rows[struct{}](s, "/webhooks")) >= accepted })
}
