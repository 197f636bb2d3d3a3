package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// Admit asks for one call to the LMS. All processes share the budget: at most perMinute calls in any minute, less
// reserve, which is kept for callers that ask with reserve 0. While the LMS asked everybody to wait, nobody is admitted.
func (s *Store) Admit(ctx context.Context, perMinute, reserve int) (relay.Gate, error) {
	var gate relay.Gate
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		if err := q.LockBudget(ctx); err != nil {
			return err
		}
		if err := q.ForgetCalls(ctx); err != nil {
			return err
		}
		allowed := max(1, perMinute-reserve)
		state, err := q.BudgetState(ctx, int32(allowed-1))
		if err != nil {
			return err
		}
		gate.Spent = int(state.Spent)
		gate.Wait = max(seconds(state.Blocked), seconds(state.FullFor))
		if gate.Wait > 0 {
			return nil
		}
		gate.Spent++
		return q.CountCall(ctx)
	})
	return gate, wrap("ask for the call budget", err)
}

// Block has all processes wait before the next call to the LMS; a longer wait that stands already stays.
func (s *Store) Block(ctx context.Context, wait time.Duration) error {
	return wrap("block calls", s.query.BlockCalls(ctx, wait.Seconds()))
}

// ReportStatus says how a process fares with the LMS.
func (s *Store) ReportStatus(ctx context.Context, status relay.EnrollerStatus) error {
	return wrap("report status", s.query.ReportStatus(ctx, pgdb.ReportStatusParams{
		Instance: status.Instance, State: status.State, Reason: status.Reason, Hint: status.Hint,
	}))
}

// ForgetStatus removes a process that ends, and those that were not heard of for an hour.
func (s *Store) ForgetStatus(ctx context.Context, instance string) error {
	return wrap("forget status", s.query.ForgetStatus(ctx, instance))
}

// EnrollerStatus gives the processes heard of in the last minute.
func (s *Store) EnrollerStatus(ctx context.Context) ([]relay.EnrollerStatus, error) {
	rows, err := s.query.ListStatus(ctx)
	list := make([]relay.EnrollerStatus, len(rows))
	for i, row := range rows {
		list[i] = relay.EnrollerStatus{
			Instance: row.Instance, State: row.State, Reason: row.Reason, Hint: row.Hint, Since: row.Since, SeenAt: row.SeenAt,
		}
	}
	return list, wrap("read enroller status", err)
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }
