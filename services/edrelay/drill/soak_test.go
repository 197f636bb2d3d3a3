//go:build soak

package drill

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// seed gives the seed of EDRELAY_SEED, or a new one, and prints it.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	number := uint64(time.Now().UnixNano())
	if text := os.Getenv("EDRELAY_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		number = given
	}
	t.Logf("EDRELAY_SEED=%d repeats this run", number)
	return rand.New(rand.NewPCG(number, 0))
}

// Three nats-servers and two of each service: nodes are killed and cut off, services are killed, at random, under load.
func TestSoakClusterLosesNothingThatItAccepted(t *testing.T) {
	chance := seed(t)
	sim, lmsURL := lms(t)
	nodes, natsURL := cluster(t)
	p := newParts(t, lmsURL, natsURL, embeddedtest.Postgres(t), 3, "enroller")
	enrollers := []*process{p.services["enroller"], p.start("enroller", embeddedtest.FreeAddr(t))}
	doors := []string{embeddedtest.FreeAddr(t), embeddedtest.FreeAddr(t)}
	ingresses := []*process{p.start("ingress", doors[0]), p.start("ingress", doors[1])}
	front := newBalancer(t, doors...)
	traffic := startLoad(t, front.listener.Addr().String(), 4, 20*time.Millisecond)

	end := time.Now().Add(duration(t, time.Minute))
	for time.Now().Before(end) {
		<-time.After(time.Duration(1+chance.IntN(4)) * time.Second)
		before := len(traffic.sent())
		i := chance.IntN(3)
		switch what := chance.IntN(4); what {
		case 0:
			t.Logf("%d orders: kill nats-server %d", before, i)
			nodes[i].kill()
			<-time.After(time.Duration(1+chance.IntN(5)) * time.Second)
			nodes[i].start()
		case 1:
			t.Logf("%d orders: cut nats-server %d off", before, i)
			nodes[i].freeze()
			<-time.After(time.Duration(1+chance.IntN(12)) * time.Second)
			nodes[i].thaw()
		case 2:
			t.Logf("%d orders: kill ingress %d", before, i%2)
			ingresses[i%2].kill()
			ingresses[i%2] = p.start("ingress", doors[i%2])
		case 3:
			t.Logf("%d orders: kill enroller %d", before, i%2)
			enrollers[i%2].kill()
			enrollers[i%2] = p.start("enroller", embeddedtest.FreeAddr(t))
		}
		await(t, "no order is accepted any more", 90*time.Second, func() bool { return len(traffic.sent()) > before+5 })
	}
	traffic.end()
	t.Logf("%d orders accepted, %d requests failed and were sent again", len(traffic.sent()), traffic.failed.Load())
	settled(p.site, traffic.sent(), 5*time.Minute)
	accounted(p.site, traffic.sent())
	if out, err := p.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 || stats.BusiestMinute > 120 {
		t.Errorf("a learner was mailed %d times; %d calls to the LMS in a minute", stats.MailsPerSeat, stats.BusiestMinute)
	}
}

// A ledger of a million webhooks, enrolments and deliveries answers every page as quickly as a small one.
func TestSoakALedgerOfAMillionStaysQuick(t *testing.T) { staysQuick(t, 1_000_000) }
