package drill

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// load sends orders from several senders, each again until it has an answer of 2xx, as shops do, or the load ends.
type load struct {
	door   string
	pause  time.Duration   // between the orders of one sender
	ticks  <-chan struct{} // when there is any: an order is sent at each
	next   atomic.Int64
	stop   chan struct{}
	ended  sync.WaitGroup
	failed atomic.Int64 // answers other than 2xx, and none

	mu       sync.Mutex
	accepted []int64
	spans    []time.Duration // how long each answer of 2xx took
}

func startLoad(t testing.TB, door string, senders int, pause time.Duration) *load {
	return newLoad(t, senders, &load{door: "http://" + door, pause: pause, stop: make(chan struct{})})
}

// startPacedLoad sends so many orders a second, whatever the answers.
func startPacedLoad(t testing.TB, door string, senders, perSecond int) *load {
	stop := make(chan struct{})
	return newLoad(t, senders, &load{door: "http://" + door, ticks: pace(perSecond, stop), stop: stop})
}

func newLoad(t testing.TB, senders int, l *load) *load {
	l.next.Store(1000)
	for range senders {
		l.ended.Go(l.run)
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) run() {
	sender := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	for {
		if l.ticks != nil {
			if _, goes := <-l.ticks; !goes {
				return
			}
		}
		id := l.next.Add(1)
		for {
			begun := time.Now()
			if status := send(sender, l.door, id); status/100 == 2 {
				l.mu.Lock()
				l.accepted = append(l.accepted, id)
				l.spans = append(l.spans, time.Since(begun))
				l.mu.Unlock()
				break
			}
			l.failed.Add(1)
			if l.wait(100 * time.Millisecond) {
				return
			}
		}
		if l.wait(l.pause) {
			return
		}
	}
}

// wait tells whether the load has ended meanwhile.
func (l *load) wait(pause time.Duration) bool {
	select {
	case <-l.stop:
		return true
	case <-time.After(pause):
		return false
	}
}

// end ends the load and may be called twice.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.ended.Wait()
}

// so far accepted orders.
func (l *load) sent() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.accepted)
}

// accounted fails the test unless every order became one webhook and one enrolment, and gives the states counted.
func accounted(s *site, orders []int64) map[relay.EnrollmentState]int {
	s.t.Helper()
	seen, states := map[string]int{}, map[relay.EnrollmentState]int{}
	for _, row := range rows[relay.Enrollment](s, "/enrollments") {
		seen[row.Learner]++
		states[row.State]++
	}
	missing := 0
	for _, id := range orders {
		switch seen[learner(id)] {
		case 1:
		case 0:
			missing++
		default:
			s.t.Errorf("order %d has %d enrolments", id, seen[learner(id)])
		}
	}
	if missing > 0 {
		s.t.Errorf("%d of %d accepted orders have no enrolment", missing, len(orders))
	}
	return states
}

// settled waits until every order has an enrolment that waits for nothing.
func settled(s *site, orders []int64, most time.Duration) {
	s.t.Helper()
	await(s.t, "not every accepted order is worked", most, func() bool {
		if len(some[relay.Enrollment](s, "/enrollments", url.Values{"state": {"waiting"}}, 1)) > 0 {
			return false
		}
		done := map[string]bool{}
		for _, row := range rows[relay.Enrollment](s, "/enrollments") {
			done[row.Learner] = row.State != relay.EnrollmentWaiting
		}
		for _, id := range orders {
			if !done[learner(id)] {
				return false
			}
		}
		return true
	})
}

// pace ticks so many times a second until stop is closed; ticks that nobody took in time are made up for.
func pace(perSecond int, stop <-chan struct{}) <-chan struct{} {
	ticks := make(chan struct{})
	go func() {
		defer close(ticks)
		beat := time.NewTicker(5 * time.Millisecond)
		defer beat.Stop()
		begun, given := time.Now(), 0
		for {
			for ; float64(given) < time.Since(begun).Seconds()*float64(perSecond); given++ {
				select {
				case ticks <- struct{}{}:
				case <-stop:
					return
				}
			}
			select {
			case <-beat.C:
			case <-stop:
				return
			}
		}
	}()
	return ticks
}

// quantile gives the value below which the share of all spans lies; 0 of none.
func quantile(spans []time.Duration, share float64) time.Duration {
	if len(spans) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(spans))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
