package notifier_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/subscription"
	"github.com/edrelay/edrelay/services/notifier"
)

// claims is a ledger that notes how many retries were claimed at a time.
type claims struct {
	*store.Subscriptions
	mu    sync.Mutex
	sizes []int
}

func (c *claims) ClaimRetries(ctx context.Context, subscription int64, most int, ahead, lease time.Duration) ([]relay.Due, error) {
	due, err := c.Subscriptions.ClaimRetries(ctx, subscription, most, ahead, lease)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes = append(c.sizes, len(due))
	return due, err
}

// replayed has so many events of a replay delivered to a subscriber, and gives the sizes of the claims.
func replayed(t *testing.T, answer func(http.ResponseWriter, got, int), events uint64, over time.Duration, change func(*subscription.Declaration)) []int {
	t.Helper()
	g := newGround(t)
	ledger := &claims{Subscriptions: g.ledger}
	g.run(func(o *notifier.Options) { o.Ledger = ledger })
	target := newSink(t, answer)
	g.publish(1, int(events))
	g.subscribe("a", target.URL, change)
	must(t, g.ledger.StageDeliveries(t.Context(), "r1", g.dueFor("a", events), over))
	target.await(t, "all events", atLeast(int(events)))
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	return slices.Clone(ledger.sizes)
}

func inFlight(slots int) func(*subscription.Declaration) {
	return func(d *subscription.Declaration) { d.MaxInFlight = &slots }
}

func TestASubscriberThatTakesEachInItsTimeHasMoreClaimedThanMayBeUnderWay(t *testing.T) {
	t.Parallel()
	const slots = 2
	if sizes := replayed(t, nil, 200, time.Second, inFlight(slots)); slices.Max(sizes) <= slots {
		t.Errorf("at most %d at a time: %v", slots, sizes)
	}
}

// Other processes may have what a slow subscriber does not get to.
func TestASlowSubscriberHasNoMoreClaimedThanMayBeUnderWay(t *testing.T) {
	t.Parallel()
	slow := func(http.ResponseWriter, got, int) { <-time.After(400 * time.Millisecond) }
	ahead := 0
	sizes := replayed(t, slow, 16, 0, inFlight(1))
	for _, size := range sizes {
		if size > 1 {
			ahead++
		}
	}
	if ahead > 1 { // before it was known to be slow
		t.Errorf("claimed at a time: %v", sizes)
	}
}

// What is claimed and waits too long for its turn is left to others, and its turn is lost.
func TestASubscriberWithARateHasNoMoreClaimedThanMayBeUnderWay(t *testing.T) {
	t.Parallel()
	const slots = 2
	sizes := replayed(t, nil, 40, 0, func(d *subscription.Declaration) { d.MaxInFlight, d.Rate = ptr(slots), ptr(40.0) })
	if slices.Max(sizes) > slots {
		t.Errorf("more than %d at a time: %v", slots, sizes)
	}
}
