package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

// TestKilledAmidDeliveriesEveryEventArrivesAndOrderHolds kills edrelay again and again while it delivers 2,000 events to
// two subscribers, one of them in order.
func TestKilledAmidDeliveriesEveryEventArrivesAndOrderHolds(t *testing.T) {
	t.Parallel()
	surviveDelivering(t, 2000, 3)
}

// writers is how many there are who post events, each one after the other.
const writers = 8

// surviveDelivering has so many events delivered to each of two subscribers, with so many kills in the middle.
func surviveDelivering(t *testing.T, events, kills int) {
	lms := httptest.NewServer(lmssim.New(lmssim.Options{}))
	t.Cleanup(lms.Close)
	plain, ordered := newHearer(), newHearer()
	relay := newEdrelay(t, lms.URL)
	relay.start()
	relay.declare(t, plain.serve(t), ordered.serve(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() { write(ctx, t, relay.door, w, events/writers) })
	}
	for kill := range kills {
		part := events * (kill + 1) / (kills + 1)
		if !within(3*time.Minute, func() bool { return plain.heard() >= part }) {
			t.Fatalf("%d of %d events arrived before kill %d", plain.heard(), part, kill+1)
		}
		t.Logf("kill edrelay at %d and %d of %d deliveries", plain.heard(), ordered.heard(), events)
		relay.end(syscall.SIGKILL)
		relay.start()
	}
	group.Wait()
	for name, h := range map[string]*hearer{"plain": plain, "ordered": ordered} {
		if !within(5*time.Minute, func() bool { return h.heard() >= events }) {
			t.Fatalf("%s heard %d of %d events", name, h.heard(), events)
		}
		t.Logf("%s: %d events in %d calls", name, h.heard(), h.calls)
	}
	if ordered.late != "" {
		t.Errorf("out of order: %s", ordered.late)
	}
	relay.accountsFor(t, 2*events)
}

// declare subscribes both to the events of this test.
func (e *edrelay) declare(t *testing.T, plain, ordered string) {
	t.Helper()
	file := filepath.Join(e.dir, "subscriptions.yaml")
	text := fmt.Sprintf(`subscriptions:
  - { name: plain, url: %q, events: ["crash.*"], timeout: 1s, retry: [200ms, 1s, 2s, 4s] }
  - { name: ordered, url: %q, events: ["crash.*"], timeout: 1s, retry: [200ms, 1s, 2s, 4s], ordered: true }
`, plain, ordered)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	must(t, second(e.run("subscription", "apply", "-f", file)))
}

// accountsFor waits until no delivery is open any more; then the audit must find each in the ledger.
func (e *edrelay) accountsFor(t *testing.T, deliveries int) {
	t.Helper()
	var found struct{ Backlog, Deliveries int }
	var err error
	done := within(2*time.Minute, func() bool {
		err = e.json(&found, "audit")
		return err == nil && found.Backlog == 0 && found.Deliveries == deliveries
	})
	if !done {
		t.Fatalf("the audit finds %+v, want %d deliveries and no backlog; %v", found, deliveries, err)
	}
	if out, err := e.run("audit"); err != nil {
		t.Errorf("the audit: %v\n%s", err, out)
	}
}

// write posts the events of one writer, each until edrelay takes it.
func write(ctx context.Context, t *testing.T, door string, writer, events int) {
	for i := range events {
		body := fmt.Appendf(nil, `{"thing": {"writer": %d, "number": %d}, "event_metadata": {"event_type": "crash.happened.v1", `+
			`"id": "00000000-0000-11f0-8000-%06d%06d", "minorversion": 0, "source": "openedx/lms/web", "sourcehost": "h", `+
			`"time": "2026-03-01 09:30:06+00:00", "sourcelib": [10, 5, 0]}}`, writer, i, writer, i)
		for {
			status, err := post(ctx, "http://"+door+"/webhooks/openedx/events?token="+eventToken, body, nil)
			if err == nil && status/100 == 2 {
				break
			}
			if err == nil && status < 500 && status != http.StatusTooManyRequests || ctx.Err() != nil {
				t.Errorf("the door answered %d, %v", status, err)
				return
			}
			pause(ctx, 100*time.Millisecond)
		}
	}
}

// hearer is a subscriber that notes which events came and whether those of one writer first came in their order.
type hearer struct {
	mu    sync.Mutex
	first map[string]bool
	next  [writers]int
	calls int
	late  string // the first event that came too early or too late
}

func newHearer() *hearer { return &hearer{first: map[string]bool{}} }

func (h *hearer) serve(t *testing.T) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func (h *hearer) heard() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.first)
}

func (h *hearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct{ Thing struct{ Writer, Number int } }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil || event.Thing.Writer >= writers {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id := strings.Clone(r.Header.Get("Webhook-Id"))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	if h.first[id] {
		return
	}
	h.first[id] = true
	if h.next[event.Thing.Writer] != event.Thing.Number && h.late == "" {
		h.late = fmt.Sprintf("%+v, awaited %d", event.Thing, h.next[event.Thing.Writer])
	}
	h.next[event.Thing.Writer] = event.Thing.Number + 1
}
