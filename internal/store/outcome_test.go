package store_test

import (
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

// outcomes gives what the attempt of that number came to for so many deliveries, due again at next unless it is zero.
func outcomes(count, number int, stored, next time.Time) (list []*relay.Outcome) {
	for i := range count {
		o := &relay.Outcome{DeliveryKey: relay.DeliveryKey{Subscription: 1, Sequence: uint64(i + 1), StoredAt: stored}, EventID: "e",
			EventType: "t", State: relay.DeliveryDelivered, Attempt: relay.DeliveryAttempt{Number: number, At: stored, Status: 200}, Counted: number}
		if !next.IsZero() {
			o.State, o.NextAttemptAt, o.Attempt.Status, o.Attempt.Error = relay.DeliveryWaiting, &next, 500, "HTTP 500"
		}
		list = append(list, o)
	}
	return list
}

func TestOutcomesAreWrittenHoweverManyTheyAreAndWhateverTheLedgerHas(t *testing.T) {
	t.Parallel()
	for _, many := range []int{1, 500} { // one statement, or a copy
		url := embeddedtest.Postgres(t)
		s := storetest.OpenURL(t, url)
		stored := time.Now().UTC().Truncate(time.Microsecond)
		record := func(softly bool, list ...*relay.Outcome) {
			t.Helper()
			if err := s.RecordOutcomes(t.Context(), list, softly); err != nil {
				t.Fatal(err)
			}
		}
		stands := func(rows, delivered, attempts, due int) {
			t.Helper()
			for query, want := range map[string]int{
				"deliveries": rows, "deliveries WHERE state = 'delivered' AND next_attempt_at IS NULL": delivered,
				"delivery_attempts": attempts, "retries": due,
			} {
				if n := count(t, url, "SELECT count(*) FROM "+query); n != want {
					t.Errorf("of %d: %s: %d, want %d", many, query, n, want)
				}
			}
		}
		due := stored.Add(time.Minute)
		record(false, outcomes(many, 1, stored, due)...)
		stands(many, 0, many, many)
		record(true, outcomes(many, 2, stored, time.Time{})...)
		stands(many, many, 2*many, 0)
		record(true, outcomes(many, 2, stored, time.Time{})...)  // once more
		record(false, outcomes(many, 1, stored, time.Time{})...) // late: what came after it stands
		stands(many, many, 2*many, 0)

		fresh := outcomes(many, 1, stored.Add(time.Second), time.Time{}) // delivered at once: on no other row
		record(false, fresh...)
		mixed := append(outcomes(many, 1, stored.Add(2*time.Second), time.Time{}), outcomes(1, 3, stored, due)...)
		record(false, mixed...)
		stands(3*many, 3*many-1, 2*many+1, 1)
	}
}
