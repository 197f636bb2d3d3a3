package drill

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/lmssim"
)

// hearer is a subscriber that refuses the first attempt of each event.
type hearer struct {
	mu       sync.Mutex
	attempts map[string]int // by webhook-id
	taken    map[string]int
}

func (h *hearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.Header.Get("webhook-id")
	if h.attempts[id]++; h.attempts[id] == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.taken[id]++
}

// subscribe declares a subscription whose retries follow soon, and has it hear of enrolments.
func (s *site) subscribe(h *hearer) {
	s.t.Helper()
	server := httptest.NewServer(h)
	s.t.Cleanup(server.Close)
	file := filepath.Join(s.dir, "subscriptions.yaml")
	text := fmt.Sprintf("subscriptions:\n  - { name: hearer, url: %q, events: [io.edrelay.enrollment.*], format: cloudevents, retry: [2s, 2s, 2s, 2s] }\n", server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.mustCommand("subscription", "apply", "-f", file)
}

// A jump of the clock of this machine against Postgres' is the same as one of Postgres' against this machine's. Postgres
// can be told to tell another time.
func TestAClockThatJumpsLosesDoublesAndStallsNothing(t *testing.T) {
	t.Parallel()
	sim, lmsURL := lms(t)
	database, jump := embeddedtest.SkewedPostgres(t)
	p := newParts(t, lmsURL, embeddedtest.NATS(t), database, 1)
	for _, name := range []string{"ingress", "enroller", "notifier"} {
		p.start(name, p.door)
	}
	h := &hearer{attempts: map[string]int{}, taken: map[string]int{}}
	p.subscribe(h)
	var accepted []int64
	for i, by := range []time.Duration{time.Hour, 0, 24 * time.Hour, -time.Hour, -24 * time.Hour} {
		// Some rows wait for a retry, some for the first attempt, and some deliveries wait when the clock jumps.
		fault, err := sim.SetFault(lmssim.Fault{Kind: lmssim.FaultStatus, Endpoint: lmssim.EndpointBulk, Status: 503})
		if err != nil {
			t.Fatal(err)
		}
		first := int64(1 + 20*i)
		for id := first; id < first+20; id++ {
			if id == first+10 {
				await(t, "no enrolment failed yet", 60*time.Second, func() bool { return hits(sim, fault.ID) > 0 })
				jump(by)
			}
			if status := send(http.DefaultClient, "http://"+p.door, id); status != 200 {
				t.Errorf("order %d: %d", id, status)
			}
			accepted = append(accepted, id)
		}
		if err := sim.RemoveFault(fault.ID); err != nil {
			t.Fatal(err)
		}
		settled(p.site, accepted, 2*time.Minute) // much less than the smallest jump
		await(t, fmt.Sprintf("after a jump to %s not every event is delivered", by), 2*time.Minute, func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(h.taken) >= len(accepted)
		})
	}
	if states := accounted(p.site, accepted); states[relay.EnrollmentEnrolled]+states[relay.EnrollmentAllowed] != len(accepted) {
		t.Errorf("%v of %d orders", states, len(accepted))
	}
	h.mu.Lock()
	for id, n := range h.attempts {
		if n > 4 {
			t.Errorf("%s was tried %d times", id, n)
		}
	}
	h.mu.Unlock()
	if out, err := p.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 {
		t.Errorf("a learner was mailed %d times", stats.MailsPerSeat)
	}
}

func hits(sim *lmssim.Server, fault string) int {
	for _, one := range sim.Faults() {
		if one.ID == fault {
			return one.Hits
		}
	}
	return 0
}
