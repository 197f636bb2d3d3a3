package enroller_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/lmssim"
)

// lapsed is a ledger by whose word the first of some rows is no longer this process's when it is about to call.
type lapsed struct {
	*store.Store
	once sync.Once
}

func (l *lapsed) Leased(ctx context.Context, owner string, ids []int64, now time.Time) (map[int64]bool, error) {
	leased, err := l.Store.Leased(ctx, owner, ids, now)
	if len(leased) > 1 {
		l.once.Do(func() { delete(leased, slices.Min(ids)) })
	}
	return leased, err
}

func TestARowWhoseLeaseEndedBeforeTheCallIsLeftAloneAndWorkedLater(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.policy.Lease = 300 * time.Millisecond
	b.through = func(s *store.Store) enroller.Ledger { return &lapsed{Store: s} }
	var lines []relay.Line
	for i := range 5 {
		lines = append(lines, line(fmt.Sprint(i), course, b.site.learner(fmt.Sprintf("l%d@x.example", i))))
	}
	b.feed.put("shop", order("1", 1, lines...))
	b.start()
	b.settled(relay.EnrollmentEnrolled, 5)
	if n := b.site.bulkCalls(); n != 2 {
		t.Errorf("%d calls, one for four rows and a later one for the fifth are wanted", n)
	}
	for i := range 5 {
		if n := b.site.mails(fmt.Sprintf("l%d@x.example", i)); n > 1 || n == 0 && i > 0 { // what became of the first is not known, so it is not mailed
			t.Errorf("l%d: %d mails", i, n)
		}
	}
}
