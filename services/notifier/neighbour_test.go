package notifier_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// goodOnes share the notifier with four bad neighbours.
const goodOnes = 6

// TestBadNeighboursHarmNobody measures six good subscribers alone, then beside one that is dead, one that hangs, one
// that answers 500 half the time and one that sends 10 MB slowly.
func TestBadNeighboursHarmNobody(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.run()
	v := newVillage(t, g)
	alone := v.measure(0)
	release := make(chan struct{})
	hanging := newSink(t, func(http.ResponseWriter, got, int) { <-release })
	t.Cleanup(func() { close(release) })
	dead := newSink(t, nil)
	dead.Close()
	half := newSink(t, func(w http.ResponseWriter, _ got, number int) {
		if number%2 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	slow := newSink(t, func(w http.ResponseWriter, _ got, _ int) { trickle(w, 10<<20) })
	for name, s := range map[string]*sink{"hanging": hanging, "dead": dead, "half": half, "slow": slow} {
		g.subscribe(name, s.URL, waits(time.Second, time.Hour))
	}
	beside := v.measure(1)
	t.Logf("alone %s; beside bad neighbours %s", alone, beside)
	// A good one that had to wait for a bad one would wait for its time-out of two seconds again and again.
	if beside.burst > 3*alone.burst+2*time.Second {
		t.Errorf("%d events to each took %s beside bad neighbours, %s alone", villageBurst, beside.burst, alone.burst)
	}
	if beside.median > 5*alone.median+50*time.Millisecond || beside.p99 > 5*alone.p99+500*time.Millisecond {
		t.Errorf("latency %s beside bad neighbours, %s alone", beside, alone)
	}
	if waiting := g.ledgerHolds("dead", relay.DeliveryWaiting, 20); waiting[0].LastError != "connect" {
		t.Errorf("dead: %+v", waiting[0])
	}
	if waiting := g.ledgerHolds("hanging", relay.DeliveryWaiting, 1); waiting[0].LastError != "timeout" {
		t.Errorf("hanging: %+v", waiting[0])
	}
	g.ledgerHolds("half", relay.DeliveryDelivered, 5)
	g.ledgerHolds("slow", relay.DeliveryDelivered, 5)
}

// trickle sends so many bytes, 4 KiB each hundredth of a second, until the caller hangs up.
func trickle(w http.ResponseWriter, size int) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	chunk := make([]byte, 4<<10)
	for sent := 0; sent < size; sent += len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		<-ticker.C
	}
}

const (
	villageBurst = 400 // events at once, then
	villagePaced = 150 // events, one each hundredth of a second
)

// village is the good subscribers and when they heard of each event.
type village struct {
	t     *testing.T
	g     *ground
	mu    sync.Mutex
	heard map[string][]time.Time
	count int
	news  chan struct{}
}

// fares is how the good subscribers fare: the time a burst takes to reach all, and the latency of paced events.
type fares struct{ burst, median, p99 time.Duration }

func (f fares) String() string {
	return fmt.Sprintf("burst %s, p50 %s, p99 %s", f.burst.Round(time.Millisecond), f.median, f.p99)
}

func newVillage(t *testing.T, g *ground) *village {
	v := &village{t: t, g: g, heard: map[string][]time.Time{}, news: make(chan struct{}, 1)}
	for i := range goodOnes {
		good := newSink(t, func(_ http.ResponseWriter, r got, _ int) { v.hear(r) })
		g.subscribe(fmt.Sprint("good", i), good.URL, func(d *subscription.Declaration) { d.Format = ptr(relay.FormatPluginJSON) })
	}
	return v
}

func (v *village) hear(r got) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heard[r.id()] = append(v.heard[r.id()], r.at)
	v.count++
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// await waits until the good ones were called so often in all.
func (v *village) await(calls int) {
	v.t.Helper()
	deadline := time.After(patience)
	for {
		v.mu.Lock()
		count := v.count
		v.mu.Unlock()
		if count >= calls {
			return
		}
		select {
		case <-v.news:
		case <-deadline:
			v.t.Fatalf("%d calls of %d within %s", count, calls, patience)
		}
	}
}

// measure publishes the events of one round and tells how they arrived.
func (v *village) measure(round int) fares {
	v.t.Helper()
	first := round*(villageBurst+villagePaced) + 1
	calls := goodOnes * (first - 1)
	began := time.Now()
	v.g.publish(first, villageBurst)
	v.await(calls + goodOnes*villageBurst)
	f := fares{burst: time.Since(began)}
	sent := map[string]time.Time{}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for i := first + villageBurst; i < first+villageBurst+villagePaced; i++ {
		<-ticker.C
		sent[eventID(i)] = time.Now()
		v.g.publish(i, 1)
	}
	v.await(calls + goodOnes*(villageBurst+villagePaced))
	var spans []time.Duration
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, at := range sent {
		for _, heard := range v.heard[id] {
			spans = append(spans, heard.Sub(at))
		}
	}
	slices.Sort(spans)
	f.median, f.p99 = spans[len(spans)/2], spans[len(spans)*99/100]
	return f
}
