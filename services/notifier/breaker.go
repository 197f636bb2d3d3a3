package notifier

import (
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// The breaker opens when at least breakerLeast attempts of the last minute were made and half of them failed.
const (
	breakerLeast   = 20
	breakerBuckets = 12
	breakerBucket  = 5 * time.Second
	breakerFirst   = 5 * time.Second // wait before the first probe
	breakerLongest = time.Minute
)

// breaker keeps a failing subscriber from being called: while it is open nothing is sent but one probe at a time, each
// after a longer wait, and the backlog stays where it is. Safe for concurrent use; the zero value is closed.
type breaker struct {
	mu      sync.Mutex
	buckets [breakerBuckets]struct {
		slot       int64
		ok, failed int
	}
	opened bool
	wait   time.Duration
	until  time.Time // of the next probe while open
}

// breakerFrom goes on with a breaker as another notifier left it.
func breakerFrom(left relay.Breaker) *breaker {
	return &breaker{opened: !left.Until.IsZero(), wait: left.Wait, until: left.Until}
}

// standing is the state that other notifiers need to know.
func (b *breaker) standing() relay.Breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened {
		return relay.Breaker{}
	}
	return relay.Breaker{Until: b.until, Wait: b.wait}
}

// note counts an attempt and tells whether this one opened or closed the breaker, or put off the next probe.
func (b *breaker) note(ok bool, now time.Time) (opened, closed, putOff bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened {
		until := b.until
		closed = b.probed(ok, now)
		return false, closed, !closed && !b.until.Equal(until)
	}
	bucket := &b.buckets[slotOf(now)%breakerBuckets]
	if bucket.slot != slotOf(now) {
		bucket.slot, bucket.ok, bucket.failed = slotOf(now), 0, 0
	}
	if ok {
		bucket.ok++
		return false, false, false
	}
	bucket.failed++
	if all, failed := b.counts(now); all < breakerLeast || failed*2 < all {
		return false, false, false
	}
	b.opened, b.wait = true, breakerFirst
	b.until = now.Add(b.wait)
	return true, false, false
}

// probed judges an attempt that ended while the breaker was open: a probe, or one begun before it opened.
func (b *breaker) probed(ok bool, now time.Time) (closed bool) {
	if ok {
		b.opened = false
		b.buckets = [breakerBuckets]struct {
			slot       int64
			ok, failed int
		}{}
		return true
	}
	if !now.Before(b.until) {
		b.wait = min(2*b.wait, breakerLongest)
		b.until = now.Add(b.wait)
	}
	return false
}

func (b *breaker) counts(now time.Time) (all, failed int) {
	for _, bucket := range b.buckets {
		if bucket.slot > slotOf(now)-breakerBuckets && bucket.slot <= slotOf(now) {
			all += bucket.ok + bucket.failed
			failed += bucket.failed
		}
	}
	return all, failed
}

// open tells whether the breaker is open, and how long the next probe has to wait: never longer than it was told to,
// also when the clock went back.
func (b *breaker) open(now time.Time) (wait time.Duration, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return min(max(0, b.until.Sub(now)), b.wait), b.opened
}

func slotOf(now time.Time) int64 { return now.UnixNano() / int64(breakerBucket) }
