package notifier

import (
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
)

// Two outcomes of one delivery in one write would be an error of the ledger, or the older would win.
func TestABatchNeverHasTwoOutcomesOfOneDelivery(t *testing.T) {
	t.Parallel()
	outcome := func(sequence uint64, number int, attempt uint64) entry {
		e := entry{outcome: &relay.Outcome{DeliveryKey: relay.DeliveryKey{Subscription: 1, Sequence: sequence},
			Attempt: relay.DeliveryAttempt{Number: number}}}
		if attempt > 0 {
			e.message = &relay.Received{Attempt: attempt}
		}
		return e
	}
	for name, second := range map[string]entry{
		"handed out again": outcome(1, 1, 2), "a further attempt": outcome(1, 2, 0), "of an ordered event": outcome(1, 2, 1),
	} {
		var seen deliveries
		var batch []entry
		for _, e := range []entry{outcome(1, 1, 1), outcome(2, 1, 1), {}} {
			if !seen.add(batch, e) {
				t.Errorf("%s: a first outcome is left out", name)
			}
			batch = append(batch, e)
		}
		if seen.add(batch, second) {
			t.Errorf("%s: two outcomes of one delivery", name)
		}
		if third := outcome(3, 1, 2); !seen.add(batch, third) || seen.add(append(batch, third), outcome(3, 2, 0)) {
			t.Errorf("%s: what comes after is not told apart", name)
		}
	}
}
