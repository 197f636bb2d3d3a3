package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// DueGroups says what is due: for each course and kind of call how many rows, counted up to limit. Rows whose process
// died in a call are taken back first; nobody knows what the LMS did for them.
func (s *Store) DueGroups(ctx context.Context, now time.Time, limit int) ([]relay.WorkGroup, error) {
	if _, err := s.query.RecoverLeases(ctx, now); err != nil {
		return nil, wrap("recover leases", err)
	}
	rows, err := s.query.DueGroups(ctx, pgdb.DueGroupsParams{Now: now, AtMost: atMost(limit)})
	if err != nil {
		return nil, wrap("look for due enrollments", err)
	}
	list := make([]relay.WorkGroup, len(rows))
	for i, row := range rows {
		list[i] = relay.WorkGroup{
			Course: row.Course, Action: relay.EnrollmentAction(row.Action), MailDue: row.MailDue, Unsure: row.Unsure,
			Direct: row.Direct, Retry: row.Retry, GroupLimit: int(row.GroupLimit), Rows: int(row.Rows), Oldest: row.Oldest,
		}
	}
	return list, nil
}

// Claim takes up to limit rows of a group for one call. They are in flight until they are settled or the lease ends; a
// learner whose other row of the course is in flight is left out.
func (s *Store) Claim(ctx context.Context, owner string, group relay.WorkGroup, now, until time.Time, limit int) ([]*relay.Work, error) {
	var claimed []*relay.Work
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		if err := q.LockClaims(ctx); err != nil {
			return err
		}
		rows, err := q.ClaimGroup(ctx, pgdb.ClaimGroupParams{
			Owner: owner, Until: until, Course: group.Course, Now: now, Action: string(group.Action), MailDue: group.MailDue,
			Unsure: group.Unsure, Direct: group.Direct, Retry: group.Retry, GroupLimit: int32(group.GroupLimit), AtMost: atMost(limit),
		})
		claimed = toWorks(rows)
		return err
	})
	return claimed, wrap("claim enrollments", err)
}

// RenewLeases keeps rows that the owner has in flight.
func (s *Store) RenewLeases(ctx context.Context, owner string, ids []int64, until time.Time) error {
	_, err := s.query.RenewLeases(ctx, pgdb.RenewLeasesParams{Owner: owner, Ids: ids, Until: until})
	return wrap("renew leases", err)
}

// Leased gives those of the rows that the owner still has in flight.
func (s *Store) Leased(ctx context.Context, owner string, ids []int64, now time.Time) (map[int64]bool, error) {
	rows, err := s.query.LeasedBy(ctx, pgdb.LeasedByParams{Ids: ids, Owner: owner, Now: now})
	leased := make(map[int64]bool, len(rows))
	for _, id := range rows {
		leased[id] = true
	}
	return leased, wrap("look for leases", err)
}

// Settle locks rows that the owner still has in flight, lets settle set their outcome and writes them back with what
// the LMS answered. Rows whose lease was lost are left out: they are somebody else's now.
func (s *Store) Settle(ctx context.Context, owner string, ids []int64, settle func([]*relay.Work) []relay.Attempt) error {
	var attempts []relay.Attempt
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		attempts = nil
		rows, err := q.LockLeased(ctx, pgdb.LockLeasedParams{Ids: ids, Owner: owner})
		if err != nil || len(rows) == 0 {
			return err
		}
		work := toWorks(rows)
		attempts = settle(work)
		if err := writeWork(ctx, q, work); err != nil {
			return err
		}
		return recordAttempts(ctx, q, attempts)
	})
	if err == nil {
		s.flow.answers(attempts)
	}
	return wrap("settle enrollments", err)
}

func recordAttempts(ctx context.Context, q *pgdb.Queries, attempts []relay.Attempt) error {
	if len(attempts) == 0 {
		return nil
	}
	params := make([]pgdb.RecordAttemptsParams, len(attempts))
	for i, a := range attempts {
		params[i] = pgdb.RecordAttemptsParams{
			At: a.At, EnrollmentID: a.EnrollmentID, Call: a.Call, Status: int32(a.Status), Outcome: clean(a.Outcome),
		}
	}
	_, err := q.RecordAttempts(ctx, params)
	return err
}

// place is a learner in a course.
type place struct{ learner, course string }

// HandOver tells which of the rows' learners another enrolment keeps, or will put, in the row's course. Those others
// undo from now on what the rows put into the LMS.
func (s *Store) HandOver(ctx context.Context, rows []*relay.Work) (map[int64]bool, error) {
	params := pgdb.HandOverParams{}
	for _, w := range rows {
		params.Learners = append(params.Learners, w.LearnerKey)
		params.Courses = append(params.Courses, w.Course)
	}
	found, err := s.query.HandOver(ctx, params)
	if err != nil {
		return nil, wrap("hand over to other orders", err)
	}
	places := make(map[place]bool, len(found))
	for _, one := range found {
		places[place{one.LearnerKey, one.Course}] = true
	}
	held := make(map[int64]bool)
	for _, w := range rows {
		if places[place{w.LearnerKey, w.Course}] {
			held[w.ID] = true
		}
	}
	return held, nil
}
