package crash_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/lmssim"
)

// TestAReplayKilledHalfWayDeliversEachEvent replays 3,000 events to a subscription that is new, and kills edrelay half-way.
func TestAReplayKilledHalfWayDeliversEachEvent(t *testing.T) {
	t.Parallel()
	replaySurvives(t, replayRun{events: 3000, rate: 600, pace: 20 * time.Millisecond, calm: 2 * time.Second})
}

// replayRun says how a replay goes.
type replayRun struct {
	events int
	rate   float64       // of the replay, a second
	pace   time.Duration // between two live events
	calm   time.Duration // live traffic alone, before the replay
	turn   time.Duration // then the replay runs so long, and pauses for half of it, in turns; 0: it runs through
}

// liveTimes are how long live events took, from the post to the subscriber, before the replay and beside it.
type liveTimes struct{ before, beside []time.Duration }

// replaySurvives has so many events replayed at a capped rate to a subscription that did not exist when they came, beside
// live traffic for another, and kills edrelay when half of them have arrived. Each must arrive, say which replay brought
// it, and keep the webhook-id that the event has.
func replaySurvives(t *testing.T, r replayRun) liveTimes {
	lms := httptest.NewServer(lmssim.New(lmssim.Options{}))
	t.Cleanup(lms.Close)
	old, live := newArchive(), newStopwatch()
	e := newEdrelay(t, lms.URL)
	e.start()
	fill(t, e.door, r.events)
	e.subscribe(t, "live", live.serve(t), "live.*")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var traffic sync.WaitGroup
	defer traffic.Wait()
	defer cancel()
	traffic.Go(func() { live.post(ctx, e.door, r.pace) })
	var times liveTimes
	pause(ctx, r.calm)
	times.before = live.take()

	e.subscribe(t, "archive", old.serve(t), "crash.*")
	rate := strconv.FormatFloat(r.rate, 'f', -1, 64)
	order := []string{"replay", "start", "--subscription", "archive", "--type", "crash.*", "--rate", rate}
	var plan relay.ReplayPlan
	must(t, e.json(&plan, append(order, "--dry-run")...))
	if plan.Matched != int64(r.events) || len(plan.Samples) == 0 {
		t.Fatalf("the dry run says %+v, want %d", plan, r.events)
	}
	var started relay.Replay
	must(t, e.json(&started, order...))
	measure := func(events int) bool {
		return e.inTurns(ctx, r.turn, started.ID, live, &times, func() bool { return old.heard() >= events })
	}
	if !measure(r.events / 2) {
		t.Fatalf("%d of %d arrived before the kill", old.heard(), r.events)
	}
	e.end(syscall.SIGKILL)
	t.Logf("killed at %d of %d", old.heard(), r.events)
	e.start()
	if !within(10*time.Minute, func() bool { return live.count() > 0 }) {
		t.Fatal("no live event arrived after the kill")
	}
	pause(ctx, r.calm/2) // what waited for the restart is not live
	if !measure(r.events) {
		t.Errorf("%d of %d arrived", old.heard(), r.events)
	}
	var row relay.Replay
	done := within(time.Minute, func() bool { return e.json(&row, "replay", "show", started.ID) == nil && row.State == relay.ReplayDone })
	if !done {
		t.Fatalf("the replay is %+v", row)
	}
	if old.heard() != r.events || row.Matched != int64(r.events) || row.Done != int64(r.events) || row.Failed != 0 {
		t.Errorf("%d of %d events arrived; the replay says %+v", old.heard(), r.events, row)
	}
	old.holds(t, started.ID)
	t.Logf("%d events in %d calls; live p99 %v before (of %d), %v beside the replay (of %d)", old.heard(), old.calls.Load(),
		percentile(times.before, 99), len(times.before), percentile(times.beside, 99), len(times.beside))
	return times
}

// inTurns measures live events beside a replay until so much of it has arrived. With turns the replay is paused between
// them, so that both figures are of the same minutes of the same machine. Commands run, each as a process of its own, only
// while nothing is measured.
func (e *edrelay) inTurns(ctx context.Context, turn time.Duration, replay string, live *stopwatch, times *liveTimes, arrived func() bool) bool {
	long := 15 * time.Minute
	for over := time.Now().Add(long); time.Now().Before(over); {
		live.take()
		done := within(cmp.Or(turn, long), arrived)
		times.beside = append(times.beside, live.take()...)
		if done || second(e.run("replay", "pause", replay)) != nil {
			return arrived()
		}
		pause(ctx, 3*time.Second) // what was handed out before
		live.take()
		pause(ctx, turn/2)
		times.before = append(times.before, live.take()...)
		if second(e.run("replay", "resume", replay)) != nil {
			return false
		}
		pause(ctx, 2*time.Second)
	}
	return false
}

func (e *edrelay) subscribe(t *testing.T, name, url, events string) {
	t.Helper()
	file := filepath.Join(e.dir, name+".yaml")
	text := fmt.Sprintf("subscriptions:\n  - { name: %s, url: %q, events: [%q], timeout: 2s, retry: [200ms, 1s, 2s, 4s] }\n", name, url, events)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	must(t, second(e.run("subscription", "apply", "-f", file)))
}

// fill puts events on the log, from many writers at once.
func fill(t *testing.T, door string, events int) {
	const hands = 48
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: hands}, Timeout: 10 * time.Second}
	var next atomic.Int64
	var group sync.WaitGroup
	for range hands {
		group.Go(func() {
			for n := next.Add(1) - 1; n < int64(events) && ctx.Err() == nil; n = next.Add(1) - 1 {
				for postEvent(ctx, client, door, "crash.happened.v1", archived(n), "1") != nil && ctx.Err() == nil {
					pause(ctx, 50*time.Millisecond)
				}
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		t.Fatal("the log was never filled")
	}
}

func archived(n int64) string { return fmt.Sprintf("00000000-0000-11f0-8000-%012d", n) }

func postEvent(ctx context.Context, client *http.Client, door, eventType, id, thing string) error {
	body := fmt.Sprintf(`{"thing": %s, "event_metadata": {"event_type": %q, "id": %q, "minorversion": 0, "source": "openedx/lms/web", `+
		`"sourcehost": "h", "time": "2026-03-01 09:30:06+00:00", "sourcelib": [10, 5, 0]}}`, thing, eventType, id)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+door+"/webhooks/openedx/events?token="+eventToken, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, response.Body) // else the connection ends with it
	response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the door answered %d", response.StatusCode)
	}
	return nil
}

// archive is a subscriber that notes which events came, and by which replays.
type archive struct {
	mu      sync.Mutex
	first   map[string]bool
	replays map[string]int
	calls   atomic.Int64
}

func newArchive() *archive { return &archive{first: map[string]bool{}, replays: map[string]int{}} }

// serve takes as little of the machine as it can: what is measured is edrelay.
func (a *archive) serve(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		a.calls.Add(1)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.first[string(c.Request.Header.Peek("webhook-id"))] = true
		a.replays[string(c.Request.Header.Peek("webhook-replay"))]++
	}}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = listener.Close() })
	return "http://" + listener.Addr().String()
}

func (a *archive) heard() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.first)
}

// holds tells whether all came under their own ids, brought by one replay.
func (a *archive) holds(t *testing.T, replay string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.replays) != 1 || a.replays[replay] == 0 {
		t.Errorf("webhook-replay: %v, want %s alone", a.replays, replay)
	}
	for n := range int64(len(a.first)) {
		if !a.first[archived(n)] {
			t.Fatalf("%s never came under its own id", archived(n))
		}
	}
}

// stopwatch is a subscriber of live events that notes how long each took since it was posted.
type stopwatch struct {
	mu    sync.Mutex
	sent  map[string]time.Time
	times []time.Duration
}

func newStopwatch() *stopwatch { return &stopwatch{sent: map[string]time.Time{}} }

func (s *stopwatch) serve(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		now, id := time.Now(), r.Header.Get("Webhook-Id")
		s.mu.Lock()
		defer s.mu.Unlock()
		if at, known := s.sent[id]; known {
			s.times = append(s.times, now.Sub(at))
			delete(s.sent, id)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// post sends live events, one after the other, until ctx is done. One that the door does not take is not live.
func (s *stopwatch) post(ctx context.Context, door string, pace time.Duration) {
	client := &http.Client{Timeout: 5 * time.Second}
	for n := 0; ; n++ {
		id := fmt.Sprintf("11111111-0000-11f0-8000-%012d", n)
		s.mu.Lock()
		s.sent[id] = time.Now()
		s.mu.Unlock()
		if postEvent(ctx, client, door, "live.happened.v1", id, "1") != nil {
			s.mu.Lock()
			delete(s.sent, id)
			s.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pace/2 + rand.N(pace)): // never in step with what edrelay does at intervals
		}
	}
}

func (s *stopwatch) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// take gives the times noted so far and begins anew.
func (s *stopwatch) take() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := s.times
	s.times = nil
	return times
}

func percentile(times []time.Duration, percent int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Clone(times)
	slices.Sort(sorted)
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}
