package store

import (
	"context"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// Enrollments lists what was asked of the LMS, newest first.
func (s *Store) Enrollments(ctx context.Context, query relay.EnrollmentQuery) ([]relay.Enrollment, error) {
	before, _ := strconv.ParseInt(query.Before.ID, 10, 64) // no number: from the newest
	rows, err := s.lists.ListEnrollments(ctx, pgdb.ListEnrollmentsParams{
		State: string(query.State), Source: query.Source, OrderKey: query.Order, LearnerKey: strings.ToLower(query.Learner),
		Course: query.Course, WebhookID: query.WebhookID, Reason: query.Reason, BeforeID: before, AtMost: atMost(query.Limit),
	})
	if err != nil {
		return nil, wrap("list enrollments", err)
	}
	list := make([]relay.Enrollment, len(rows))
	for i, row := range rows {
		list[i] = toWork(row).Enrollment
	}
	return list, nil
}

// Enrollment gives one enrolment, or ErrNotFound.
func (s *Store) Enrollment(ctx context.Context, id int64) (relay.Enrollment, error) {
	row, err := s.query.GetEnrollment(ctx, id)
	if err != nil {
		return relay.Enrollment{}, wrap("read enrollment", err)
	}
	return toWork(row).Enrollment, nil
}

// Attempts gives what the LMS answered for an enrolment, newest first.
func (s *Store) Attempts(ctx context.Context, id int64, limit int) ([]relay.Attempt, error) {
	rows, err := s.query.ListAttempts(ctx, pgdb.ListAttemptsParams{EnrollmentID: id, AtMost: atMost(limit)})
	list := make([]relay.Attempt, len(rows))
	for i, row := range rows {
		list[i] = relay.Attempt{At: row.At, EnrollmentID: id, Call: row.Call, Status: int(row.Status), Outcome: row.Outcome}
	}
	return list, wrap("list attempts", err)
}

// WorkOfOrder gives all enrolments of an order.
func (s *Store) WorkOfOrder(ctx context.Context, key relay.OrderKey) ([]*relay.Work, error) {
	rows, err := s.query.EnrollmentsOfOrder(ctx, pgdb.EnrollmentsOfOrderParams{Source: key.Source, OrderID: key.Order})
	return toWorks(rows), wrap("read enrollments of an order", err)
}

// WorkAfter gives enrolments in the order of their ids, those after one id.
func (s *Store) WorkAfter(ctx context.Context, id int64, limit int) ([]*relay.Work, error) {
	rows, err := s.query.ListAfter(ctx, pgdb.ListAfterParams{After: id, AtMost: atMost(limit)})
	return toWorks(rows), wrap("read enrollments", err)
}

// ChangeEnrollments locks enrolments, lets change work on them and writes them back. Ids that don't exist are left out.
func (s *Store) ChangeEnrollments(ctx context.Context, ids []int64, change func([]*relay.Work) error) error {
	return wrap("change enrollments", s.inTx(ctx, func(q *pgdb.Queries) error {
		rows, err := q.LockEnrollments(ctx, ids)
		if err != nil {
			return err
		}
		work := toWorks(rows)
		if err := change(work); err != nil {
			return err
		}
		return writeWork(ctx, q, work)
	}))
}

// CountEnrollments gives how many enrolments are in each state.
func (s *Store) CountEnrollments(ctx context.Context) (map[relay.EnrollmentState]int, error) {
	rows, err := s.query.CountEnrollments(ctx)
	counts := make(map[relay.EnrollmentState]int, len(rows))
	for _, row := range rows {
		counts[relay.EnrollmentState(row.State)] = int(row.Rows)
	}
	return counts, wrap("count enrollments", err)
}

// CountReasons gives why enrolments wait or are parked, the commonest reason first.
func (s *Store) CountReasons(ctx context.Context) ([]relay.ReasonCount, error) {
	rows, err := s.query.CountReasons(ctx)
	list := make([]relay.ReasonCount, len(rows))
	for i, row := range rows {
		list[i] = relay.ReasonCount{State: relay.EnrollmentState(row.State), Reason: row.Reason, Rows: int(row.Rows)}
	}
	return list, wrap("count reasons", err)
}
