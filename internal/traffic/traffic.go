// Package traffic lets work that can wait give way to live traffic: what a replay costs is spent in the lulls between live
// events, as far as there are any.
package traffic

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// hop is how long a live event may take from one hand to the next, as from the door to the notifier.
	hop = time.Millisecond
	// patience is how long a lull is waited for: traffic that never ends holds up what gives way, but not for long.
	patience = 10 * time.Millisecond
)

// Live counts what is under way of live traffic in this process. A nil Live counts nothing: it is always a lull.
type Live struct {
	began    time.Time
	underWay atomic.Int64
	last     atomic.Int64 // when a piece of work ended last, in nanoseconds since began; 0: never

	waiting atomic.Int64
	mu      sync.Mutex
	ended   chan struct{} // closed, and made anew, when nothing is under way any more
}

// New makes a Live with nothing under way.
func New() *Live { return &Live{began: time.Now(), ended: make(chan struct{})} }

// Begin says that a piece of live work is under way, until End is called.
func (l *Live) Begin() {
	if l != nil {
		l.underWay.Add(1)
	}
}

// End ends what Begin began.
func (l *Live) End() {
	if l == nil {
		return
	}
	l.last.Store(int64(time.Since(l.began)))
	if l.underWay.Add(-1) > 0 || l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.ended)
	l.ended = make(chan struct{})
}

// Lull waits until nothing live is under way nor on its way from one hand to the next, for at most 10 ms.
func (l *Live) Lull(ctx context.Context) {
	if l == nil || l.wait() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	for ctx.Err() == nil {
		l.mu.Lock()
		ended := l.ended
		l.mu.Unlock()
		wait := l.wait()
		if wait == 0 {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ended:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// wait is how long it is until a lull at least: 0 when there is one, patience while something is under way.
func (l *Live) wait() time.Duration {
	last := l.last.Load()
	switch {
	case l.underWay.Load() > 0:
		return patience
	case last == 0:
		return 0
	}
	return max(0, time.Duration(last)+hop-time.Since(l.began))
}
