package notifier

import (
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestWhatIsFetchedAheadIsAttemptedOnlyWhileTheServerLeavesItAlone(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute} {
		r := &runner{sub: relay.Subscriber{Subscription: relay.Subscription{Timeout: relay.Duration(timeout)}}}
		wait := ackWait(r.sub.Subscription)
		oldest := wait - 2*timeout - time.Second // an attempt may call twice; then the outcome is recorded
		if r.stale(&relay.Received{Fetched: time.Now()}) || !r.stale(&relay.Received{Fetched: time.Now().Add(-oldest)}) {
			t.Errorf("timeout %s: what came just now must be attempted, what came %s ago given back", timeout, oldest)
		}
	}
	for slots, want := range map[int]int{1: 8, 16: 128, 100: 200} {
		if r := (&runner{slots: make(chan struct{}, slots)}); r.ahead() != want {
			t.Errorf("%d slots: %d ahead, want %d", slots, r.ahead(), want)
		}
	}
}
