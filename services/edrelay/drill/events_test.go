package drill

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

const registration = "org.openedx.learning.student.registration.completed.v1"

func eventID(lane, number int) string {
	return fmt.Sprintf("00000000-0000-4000-%04x-%012d", 0x8000+lane, number)
}

// registered is an event as the openedx-webhooks plugin posts it.
func registered(door, id string) *http.Request {
	body := fmt.Appendf(nil, `{"openedx_events.learning.data.UserData": {"id": 7, "is_active": true, "pii": {"username": "u", `+
		`"email": "u@drill.example", "name": "U"}}, "event_metadata": {"event_type": %q, "id": %q, "minorversion": 0, `+
		`"source": "openedx/lms/web", "sourcehost": "lms.example", "time": "2026-02-03 04:05:06.000000+00:00", "sourcelib": [10, 5, 0]}}`,
		registration, id)
	request, _ := http.NewRequest(http.MethodPost, door+"/webhooks/openedx/events", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth("plugin", "password-of-the-plugin")
	return request
}

// talk sends events through the door. Each lane sends one after the other, each again until it is accepted, so the log
// has them in the lane's order.
type talk struct {
	stop   chan struct{}
	once   sync.Once
	ended  sync.WaitGroup
	failed atomic.Int64
	mu     sync.Mutex
	spoken []string // ids that were accepted
}

func startTalk(t testing.TB, door string, lanes, perSecond int) *talk {
	k := &talk{stop: make(chan struct{})}
	ticks := pace(perSecond, k.stop)
	for lane := range lanes {
		k.ended.Go(func() { k.lane("http://"+door, lane, ticks) })
	}
	t.Cleanup(k.end)
	return k
}

func (k *talk) lane(door string, lane int, ticks <-chan struct{}) {
	sender := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	number := 0
	for range ticks {
		number++
		for id := eventID(lane, number); ; {
			if outcome(sender.Do(registered(door, id)))/100 == 2 {
				k.mu.Lock()
				k.spoken = append(k.spoken, id)
				k.mu.Unlock()
				break
			}
			k.failed.Add(1)
			select {
			case <-k.stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (k *talk) end() {
	k.once.Do(func() { close(k.stop) })
	k.ended.Wait()
}

func (k *talk) sent() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.spoken)
}

// audience is a subscribers' server with a path for each subscription. It answers 200, or as told.
type audience struct {
	*httptest.Server
	answer func(subscription, id string) int // nil: 200

	mu    sync.Mutex
	heard map[string]*hearing
}

// hearing is what one subscription was told.
type hearing struct {
	first  []string       // ids in the order in which each came first
	counts map[string]int // deliveries by id
	times  []time.Time    // of every delivery
	now    int            // deliveries under way
	most   int            // most of them at a time
}

// newAudience listens on the address, e.g. "127.0.0.1:0".
func newAudience(t testing.TB, addr string) *audience {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	a := &audience{heard: map[string]*hearing{}}
	a.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: a}}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func (a *audience) of(subscription string) *hearing {
	if a.heard[subscription] == nil {
		a.heard[subscription] = &hearing{counts: map[string]int{}}
	}
	return a.heard[subscription]
}

func (a *audience) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	name, id, status := strings.Trim(r.URL.Path, "/"), r.Header.Get("webhook-id"), http.StatusOK
	a.mu.Lock()
	h := a.of(name)
	if h.counts[id] == 0 {
		h.first = append(h.first, id)
	}
	h.counts[id]++
	h.times = append(h.times, time.Now())
	h.now++
	h.most = max(h.most, h.now)
	a.mu.Unlock()
	if a.answer != nil {
		status = a.answer(name, id)
	}
	a.mu.Lock()
	h.now--
	a.mu.Unlock()
	w.WriteHeader(status)
}

// count is how often the subscription heard of the event.
func (a *audience) count(subscription, id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of(subscription).counts[id]
}

// snapshot is what the subscription heard so far.
func (a *audience) snapshot(subscription string) hearing {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.of(subscription)
	counts := make(map[string]int, len(h.counts))
	for id, n := range h.counts {
		counts[id] = n
	}
	return hearing{first: slices.Clone(h.first), counts: counts, times: slices.Clone(h.times), most: h.most}
}

// subscribe declares the audience's subscriptions: YAML beside name, url and events by name.
func (a *audience) subscribe(s *site, subscriptions map[string]string) {
	s.t.Helper()
	text := "subscriptions:\n"
	for name, more := range subscriptions {
		text += fmt.Sprintf("  - { name: %s, url: %q, events: [%q], format: cloudevents%s }\n", name, a.URL+"/"+name, registration, more)
	}
	file := filepath.Join(s.dir, "subscriptions.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.mustCommand("subscription", "apply", "-f", file)
}

// heardAll waits until the subscription heard of all events, and tells how many it heard of more than once.
func heardAll(s *site, a *audience, subscription string, ids []string, most time.Duration) (repeated int) {
	s.t.Helper()
	missing := func(h hearing) (n int, one string) {
		for _, id := range ids {
			if h.counts[id] == 0 {
				n, one = n+1, id
			}
		}
		return n, one
	}
	deadline := time.Now().Add(most)
	for {
		h := a.snapshot(subscription)
		n, one := missing(h)
		if n == 0 {
			for _, id := range ids {
				if h.counts[id] > 1 {
					repeated++
				}
			}
			return repeated
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%s did not hear of %d of %d events, %s one of them", subscription, n, len(ids), one)
			return 0
		}
		<-time.After(200 * time.Millisecond)
	}
}

// inOrder fails the test unless the subscription first heard of the events in the order of the log.
func inOrder(s *site, a *audience, subscription string) {
	s.t.Helper()
	sequence := map[string]uint64{}
	for _, row := range rows[relay.Event](s, "/events") {
		sequence[row.ID] = row.Sequence
	}
	var last uint64
	for i, id := range a.snapshot(subscription).first {
		at, known := sequence[id]
		if known && at < last {
			s.t.Errorf("%s heard of %s (sequence %d) as its event %d, after sequence %d", subscription, id, at, i, last)
		}
		last = max(last, at)
	}
}

// busiest gives the most deliveries within any span of that length.
func busiest(times []time.Time, span time.Duration) (most int) {
	sorted := slices.SortedFunc(slices.Values(times), func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
	from := 0
	for to := range sorted {
		for sorted[to].Sub(sorted[from]) >= span {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// figures of a process as /metrics gives them.
func metric(addr, name string) (value float64, ok bool) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			return value, json.Unmarshal([]byte(strings.TrimSpace(rest)), &value) == nil
		}
	}
	return 0, false
}
