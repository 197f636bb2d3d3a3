package desk_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
)

// tally counts how often it is asked.
type tally struct {
	desk.Figures
	rows, asked int
}

func (t *tally) CountEnrollments(context.Context) (map[relay.EnrollmentState]int, error) {
	t.asked++
	return map[relay.EnrollmentState]int{relay.EnrollmentEnrolled: t.rows}, nil
}

func TestSmallFiguresAreCountedAnewAndLargeOnesAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &tally{rows: 10}
		figures := desk.Remember(ledger, time.Now)
		ask := func() int {
			counts, err := figures.CountEnrollments(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return counts[relay.EnrollmentEnrolled]
		}
		ask()
		if ledger.rows = 500_000; ask() != 500_000 || ledger.asked != 2 {
			t.Errorf("asked %d times", ledger.asked)
		}
		if ledger.rows = 500_001; ask() != 500_000 || ledger.asked != 2 {
			t.Errorf("a large ledger is counted for whoever looks: %d", ledger.asked)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go figures.KeepWarm(ctx)
		<-time.After(41 * time.Second)
		if ask() != 500_001 || ledger.asked != 3 {
			t.Errorf("not counted ahead: %d", ledger.asked)
		}
		cancel()
		synctest.Wait()
		<-time.After(2 * time.Minute)
		if ledger.rows = 7; ask() != 7 {
			t.Error("an old count is given")
		}
	})
}
