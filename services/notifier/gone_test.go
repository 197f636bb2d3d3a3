package notifier_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/notifier"
)

// forgetful is a ledger that is away the first times that a subscription is to be disabled.
type forgetful struct {
	notifier.Ledger
	left atomic.Int32
}

func (f *forgetful) DisableSubscription(ctx context.Context, subscription int64, reason string) (bool, error) {
	if f.left.Add(-1) >= 0 {
		return false, errors.New("the ledger is away")
	}
	return f.Ledger.DisableSubscription(ctx, subscription, reason)
}

func TestASubscriptionThatStandsStillIsShownAsDisabledAlsoAfterTheLedgerWasAway(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	ledger := &forgetful{Ledger: g.ledger}
	ledger.left.Store(2)
	g.run(func(o *notifier.Options) { o.Ledger = ledger })
	target := newSink(t, func(w http.ResponseWriter, _ got, _ int) { w.WriteHeader(http.StatusGone) })
	g.subscribe("a", target.URL)
	g.publish(1, 1)
	eventually(t, "disabled", func() bool {
		row, err := g.registry.Subscription(t.Context(), "a")
		return err == nil && row.State == relay.SubscriptionDisabled
	})
}
