package notifier

import (
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// failingAfter is how many failures in a row make a subscription one that is shown as failing.
const failingAfter = 5

// thresholds are the percents of the way to disabling that are announced.
var thresholds = []int{50, 70, 90, 100}

// limits say when a subscription that only fails is disabled: when both are reached.
type limits struct {
	failures int           // in a row
	duration time.Duration // without a success
}

// health follows how a subscription's URL answers. Safe for concurrent use.
type health struct {
	mu      sync.Mutex
	limits  limits
	current relay.Health
}

// turn is what an attempt changed in the health of a subscription.
type turn struct {
	health    relay.Health
	keep      bool // the ledger should know
	announce  int  // percent of the way to disabling just passed; 0 for none
	recovered bool // a success after failures that were announced or shown
}

func (h *health) note(ok bool, reason string, now time.Time) turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ok {
		was := h.current
		h.current = relay.Health{}
		shown := was.Failures >= failingAfter || was.Announced > 0
		return turn{keep: shown, recovered: shown}
	}
	if h.current.Failures == 0 {
		h.current.FailingSince = now
	}
	h.current.Failures++
	h.current.Reason = reason
	t := turn{keep: h.current.Failures == failingAfter}
	progress := h.progress(now)
	for _, percent := range thresholds {
		if progress >= float64(percent) && h.current.Announced < percent {
			h.current.Announced, t.announce, t.keep = percent, percent, true
		}
	}
	t.health = h.current
	return t
}

// progress is how far the way to disabling has been gone, in percent.
func (h *health) progress(now time.Time) float64 {
	part := float64(h.current.Failures) / float64(h.limits.failures)
	if h.limits.duration > 0 {
		part = min(part, float64(now.Sub(h.current.FailingSince))/float64(h.limits.duration))
	}
	return 100 * part
}
