package enroller

import (
	"context"
	"sync"

	"github.com/edrelay/edrelay/internal/relay"
)

// leases are the rows that this process has in flight, with how to end their calls.
type leases struct {
	mu   sync.Mutex
	held map[int64]context.CancelFunc
}

// hold begins to renew the leases of rows until release. The context ends when they can't be renewed any more.
func (l *leases) hold(ctx context.Context, rows []*relay.Work) (fenced context.Context, release func()) {
	fenced, cancel := context.WithCancel(ctx)
	ids := idsOf(rows)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.held[id] = cancel
	}
	return fenced, func() {
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, id := range ids {
			delete(l.held, id)
		}
	}
}

func idsOf(rows []*relay.Work) []int64 {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}

func (l *leases) ids() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]int64, 0, len(l.held))
	for id := range l.held {
		ids = append(ids, id)
	}
	return ids
}

// fence ends all calls.
func (l *leases) fence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cancel := range l.held {
		cancel()
	}
}

// renew keeps the leases of what is in flight. When the ledger is away for so long that they end, it ends the calls, too:
// another process may make the opposite call next.
func (s *Service) renew(ctx context.Context) {
	renewed := s.Now()
	for sleep(ctx, s.Policy.Lease/5, nil) {
		asked := s.Now()
		ids := s.leases.ids()
		if len(ids) == 0 {
			renewed = asked
			continue
		}
		within, cancel := context.WithTimeout(ctx, s.Policy.Lease/4)
		err := s.Ledger.RenewLeases(within, s.Instance, ids, asked.Add(s.Policy.Lease))
		cancel()
		if err == nil {
			renewed = asked
			continue
		}
		if ctx.Err() != nil {
			return
		}
		s.Log.Warn("leases not renewed", "rows", len(ids), "error", err)
		if s.Now().Sub(renewed) > s.Policy.Lease*3/4 {
			s.leases.fence()
		}
	}
}
