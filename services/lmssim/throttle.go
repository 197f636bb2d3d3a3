package lmssim

import (
	"slices"
	"sync"
	"time"
)

// window is the span of every rate limit of the platform.
const window = time.Minute

// throttle counts calls per key in a sliding window; a refused call is not counted. The zero value is ready.
type throttle struct {
	mu  sync.Mutex
	log map[string][]time.Time // oldest first
}

func (t *throttle) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = map[string][]time.Time{}
}

// take counts one call, or tells how long until the oldest counted call leaves the window.
func (t *throttle) take(key string, limit int, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := t.log[key]
	gone := 0
	for gone < len(calls) && !calls[gone].After(now.Add(-window)) {
		gone++
	}
	calls = slices.Delete(calls, 0, gone)
	if len(calls) >= limit {
		t.log[key] = calls
		return calls[0].Add(window).Sub(now), false
	}
	t.log[key] = append(calls, now)
	return 0, true
}

// wholeSeconds rounds up, to one second at least.
func wholeSeconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}
