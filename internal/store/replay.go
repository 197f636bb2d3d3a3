package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// CreateReplay keeps a new, running replay.
func (s *Store) CreateReplay(ctx context.Context, w relay.ReplayWork) error {
	request, err := json.Marshal(w.Request)
	if err != nil {
		return fmt.Errorf("encode replay: %w", err)
	}
	return wrap("create replay", s.query.InsertReplay(ctx, pgdb.InsertReplayParams{
		ID: w.ID, Target: w.Target, Enroller: w.Request.Enroller || w.Request.Enrollments, Stream: w.Stream, Request: request, Matched: w.Matched,
		Cursor: int64(w.Cursor), Last: int64(w.End), Rate: w.Rate, CreatedBy: clean(w.CreatedBy),
	}))
}

// Replay gives one replay, or ErrNotFound.
func (s *Store) Replay(ctx context.Context, id string) (relay.ReplayWork, error) {
	row, err := s.query.GetReplay(ctx, id)
	if err != nil {
		return relay.ReplayWork{}, wrap("read replay", err)
	}
	return toReplay(row), nil
}

// Replays lists replays, newest first.
func (s *Store) Replays(ctx context.Context, q relay.ReplayQuery) ([]relay.ReplayWork, error) {
	rows, err := s.lists.ListReplays(ctx, pgdb.ListReplaysParams{
		State: string(q.State), BeforeID: q.Before.ID, BeforeTime: q.Before.Time, AtMost: atMost(q.Limit),
	})
	list := make([]relay.ReplayWork, len(rows))
	for i, row := range rows {
		list[i] = toReplay(pgdb.GetReplayRow(row))
	}
	return list, wrap("list replays", err)
}

func toReplay(row pgdb.GetReplayRow) relay.ReplayWork {
	w := relay.ReplayWork{
		Replay: relay.Replay{
			ID: row.ID, Target: row.Target, State: relay.ReplayState(row.State), Matched: row.Matched, Done: row.Handed - min(row.Pending, row.Handed),
			Failed: row.Failed + row.Failing, Rate: row.Rate, Reason: row.Reason, CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt,
			FinishedAt: row.FinishedAt,
		},
		Stream: row.Stream, Cursor: uint64(row.Cursor), End: uint64(row.Last), Handed: row.Handed, Pending: row.Pending,
		Worked: time.Duration(row.WorkedSeconds * float64(time.Second)),
	}
	_ = json.Unmarshal(row.Request, &w.Request) // written by CreateReplay; empty at worst
	w.Left = w.Guess()
	return w
}

// ClaimReplay takes the oldest running replay that nobody works, of webhooks and enrolments (enroller) or of events
// (deliveries), for the lease. ErrNotFound when there is none.
func (s *Store) ClaimReplay(ctx context.Context, owner string, enroller, deliveries bool, lease time.Duration) (relay.ReplayWork, error) {
	id, err := s.query.ClaimReplay(ctx, pgdb.ClaimReplayParams{
		Owner: &owner, Enroller: enroller, Deliveries: deliveries, LeaseSeconds: lease.Seconds(),
	})
	if err != nil {
		return relay.ReplayWork{}, wrap("claim replay", err)
	}
	return s.Replay(ctx, id)
}

// AdvanceReplay records how far a replay came and renews the lease. False: it is not the owner's any more, or was paused or
// cancelled; how far it came is recorded nevertheless while nobody else works it.
func (s *Store) AdvanceReplay(ctx context.Context, owner, id string, cursor uint64, handed, failed int64, lease time.Duration) (bool, error) {
	mine, err := s.query.AdvanceReplay(ctx, pgdb.AdvanceReplayParams{
		ID: id, Owner: owner, Cursor: int64(cursor), Handed: handed, Failed: failed, LeaseSeconds: lease.Seconds(),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return mine, wrap("advance replay", err)
}

// FinishReplay ends a replay that the owner works.
func (s *Store) FinishReplay(ctx context.Context, owner, id string, state relay.ReplayState, reason string) error {
	return wrap("finish replay", s.query.FinishReplay(ctx, pgdb.FinishReplayParams{ID: id, Owner: &owner, State: string(state), Reason: clean(reason)}))
}

// LeaveReplay lets others work a replay.
func (s *Store) LeaveReplay(ctx context.Context, owner, id string) error {
	return wrap("leave replay", s.query.LeaveReplay(ctx, pgdb.LeaveReplayParams{ID: id, Owner: &owner}))
}

// SetReplayState moves a replay from one of some states to another; false when it is in none of them.
func (s *Store) SetReplayState(ctx context.Context, id string, to relay.ReplayState, from ...relay.ReplayState) (bool, error) {
	states := make([]string, len(from))
	for i, state := range from {
		states[i] = string(state)
	}
	rows, err := s.query.SetReplayState(ctx, pgdb.SetReplayStateParams{ID: id, State: string(to), FromStates: states})
	return rows > 0, wrap("change replay", err)
}

// DeliveryStates gives the states of a subscription's deliveries of some events; those without are left out. The events
// were stored between the times.
func (s *Store) DeliveryStates(
	ctx context.Context, subscription int64, sequences []uint64, since, until time.Time,
) (map[uint64]relay.DeliveryState, error) {
	rows, err := s.query.DeliveryStates(ctx, pgdb.DeliveryStatesParams{
		SubscriptionID: subscription, Sequences: signed(sequences), Since: since, Until: until,
	})
	states := make(map[uint64]relay.DeliveryState, len(rows))
	for _, row := range rows {
		states[uint64(row.Sequence)] = relay.DeliveryState(row.State)
	}
	return states, wrap("read delivery states", err)
}

// WebhookStates gives the states of webhooks by their sequence; those that the ledger does not know are left out.
func (s *Store) WebhookStates(ctx context.Context, sequences []uint64, since time.Time) (map[uint64]relay.WebhookState, error) {
	rows, err := s.query.WebhookStates(ctx, pgdb.WebhookStatesParams{Sequences: signed(sequences), Since: since})
	states := make(map[uint64]relay.WebhookState, len(rows))
	for _, row := range rows {
		states[uint64(row.Sequence)] = relay.WebhookState(row.State)
	}
	return states, wrap("read webhook states", err)
}

// WebhooksAbout tells which webhooks are of an order that the ledger knows to be about a course, and about a learner.
func (s *Store) WebhooksAbout(
	ctx context.Context, sequences []uint64, since time.Time, course, learner string,
) (ofCourse, ofLearner map[uint64]bool, err error) {
	rows, err := s.query.WebhooksAbout(ctx, pgdb.WebhooksAboutParams{
		Sequences: signed(sequences), Since: since, Course: clean(course), LearnerKey: strings.ToLower(clean(learner)),
	})
	ofCourse, ofLearner = make(map[uint64]bool, len(rows)), make(map[uint64]bool, len(rows))
	for _, row := range rows {
		ofCourse[uint64(row.Sequence)], ofLearner[uint64(row.Sequence)] = row.Course, row.Learner
	}
	return ofCourse, ofLearner, wrap("look for webhooks of a course or learner", err)
}

// EnrollmentsAgain gives the enrolments behind one id, up to another, that a replay chooses, in the order of their ids.
func (s *Store) EnrollmentsAgain(ctx context.Context, ask relay.ReplayRequest, after, last uint64, limit int) ([]relay.Enrollment, error) {
	rows, err := s.query.EnrollmentsAgain(ctx, pgdb.EnrollmentsAgainParams{
		After: int64(after), Last: int64(last), State: ask.State, Source: clean(ask.Source), Course: clean(ask.Course),
		LearnerKey: strings.ToLower(clean(ask.Learner)), Reason: clean(ask.Reason), Since: ask.Since, Until: orEver(ask.Until), AtMost: atMost(limit),
	})
	list := make([]relay.Enrollment, len(rows))
	for i, row := range rows {
		list[i] = toWork(row).Enrollment
	}
	return list, wrap("choose enrollments", err)
}

// LastEnrollment gives the id of the newest enrolment; 0 when there is none.
func (s *Store) LastEnrollment(ctx context.Context) (uint64, error) {
	id, err := s.query.LastEnrollment(ctx)
	return uint64(id), wrap("read the newest enrollment", err)
}

func signed(sequences []uint64) []int64 {
	list := make([]int64, len(sequences))
	for i, sequence := range sequences {
		list[i] = int64(sequence)
	}
	return list
}
