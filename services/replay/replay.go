// Package replay processes ranges of the log again by an operator's order: webhooks through the enroller, rejected ones
// through their verification, events to subscriptions, and enrolments of the ledger. A replay is a job in the ledger with
// a cursor, so it goes on after any death of its worker.
package replay

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Ledger keeps the replays.
type Ledger interface {
	CreateReplay(context.Context, relay.ReplayWork) error
	Replay(ctx context.Context, id string) (relay.ReplayWork, error)
	Replays(context.Context, relay.ReplayQuery) ([]relay.ReplayWork, error)
	SetReplayState(ctx context.Context, id string, to relay.ReplayState, from ...relay.ReplayState) (bool, error)
	DeliveryStates(ctx context.Context, subscription int64, sequences []uint64, since, until time.Time) (map[uint64]relay.DeliveryState, error)
	WebhookStates(ctx context.Context, sequences []uint64, since time.Time) (map[uint64]relay.WebhookState, error)
	// WebhooksAbout tells which webhooks are of an order that is known to be about a course, and about a learner.
	WebhooksAbout(ctx context.Context, sequences []uint64, since time.Time, course, learner string) (ofCourse, ofLearner map[uint64]bool, err error)
	// EnrollmentsAgain gives the enrolments with ids in (after, last] that are chosen, in the order of their ids.
	EnrollmentsAgain(ctx context.Context, ask relay.ReplayRequest, after, last uint64, limit int) ([]relay.Enrollment, error)
	LastEnrollment(context.Context) (uint64, error)
}

// WorkLedger is what a worker needs of the ledger besides.
type WorkLedger interface {
	Ledger
	ClaimReplay(ctx context.Context, owner string, enroller, deliveries bool, lease time.Duration) (relay.ReplayWork, error)
	AdvanceReplay(ctx context.Context, owner, id string, cursor uint64, handed, failed int64, lease time.Duration) (bool, error)
	FinishReplay(ctx context.Context, owner, id string, state relay.ReplayState, reason string) error
	LeaveReplay(ctx context.Context, owner, id string) error
	// StageDeliveries makes events due for subscriptions, whether they were tried before or not, evenly over that time.
	StageDeliveries(ctx context.Context, replay string, events []relay.Due, over time.Duration) error
}

// Log is what is replayed.
type Log interface {
	Walk(ctx context.Context, walk relay.LogWalk, visit func(relay.Received) (more bool, err error)) error
	LastSequence(ctx context.Context, stream string) (uint64, error)
}

// Subscribers gives the subscription of a name, or ErrNotFound.
type Subscribers interface {
	Subscriber(ctx context.Context, name string) (relay.Subscriber, error)
}

// Office takes orders for replays and tells how they fare. Workers find the orders in the ledger.
type Office struct {
	Ledger      Ledger
	Log         Log
	Subscribers Subscribers
	Logger      *slog.Logger
}

const samples = 5

// PlanReplay says what a replay would do: exactly how many, and the first of them.
func (o *Office) PlanReplay(ctx context.Context, ask relay.ReplayRequest) (relay.ReplayPlan, error) {
	choice, err := o.choose(ctx, ask)
	if err != nil {
		return relay.ReplayPlan{}, err
	}
	plan := relay.ReplayPlan{Target: choice.target, Samples: []relay.Event{}}
	plan.Matched, err = o.count(ctx, choice, func(e relay.Event) {
		if len(plan.Samples) < samples {
			plan.Samples = append(plan.Samples, e)
		}
	})
	return plan, err
}

// StartReplay orders a replay. It ends at what is the newest of the log now, so that it never replays its own effects.
func (o *Office) StartReplay(ctx context.Context, ask relay.ReplayRequest, by string) (relay.Replay, error) {
	choice, err := o.choose(ctx, ask)
	if err != nil {
		return relay.Replay{}, err
	}
	work := relay.ReplayWork{
		Replay: relay.Replay{ID: rand.Text()[:10], Target: choice.target, Rate: ask.Rate, Request: choice.ask, CreatedBy: by},
		Stream: choice.walk.Stream, Cursor: choice.walk.From - 1, End: choice.walk.To,
	}
	if work.Matched, err = o.count(ctx, choice, func(relay.Event) {}); err != nil {
		return relay.Replay{}, err
	}
	if err := o.Ledger.CreateReplay(ctx, work); err != nil {
		return relay.Replay{}, err
	}
	o.Logger.Info("replay ordered", "replay", work.ID, "target", work.Target, "matched", work.Matched, "rate", work.Rate, "by", by)
	return o.Replay(ctx, work.ID)
}

// count walks over what a replay chooses; an event counts once for each subscription that gets it.
func (o *Office) count(ctx context.Context, c *choice, see func(relay.Event)) (int64, error) {
	matched := int64(0)
	err := c.eachChunk(ctx, o.Log, o.Ledger, c.walk.From-1, chunkSize, func(ch chunk) (bool, error) {
		for _, m := range ch.messages {
			see(sample(m))
		}
		for _, row := range ch.rows {
			see(sampleRow(row))
		}
		matched += ch.effects()
		return true, nil
	})
	return matched, err
}

func sample(m relay.Received) relay.Event {
	e := relay.Event{ID: m.ID, Type: m.Type, Source: m.Source, Time: m.Time, Sequence: m.Sequence, Subject: m.About}
	if m.Stream == relay.StreamRejected {
		e.ID = relay.RejectedID(m.Sequence)
	}
	return e
}

// sampleRow shows an enrolment like the others: its learner is what it is about, its action and course its type.
func sampleRow(row relay.Enrollment) relay.Event {
	return relay.Event{
		ID: strconv.FormatInt(row.ID, 10), Type: string(row.Action) + " " + row.Course, Source: row.Source, Time: row.CreatedAt,
		Sequence: uint64(row.ID), Subject: row.Learner,
	}
}

// Replay gives one replay.
func (o *Office) Replay(ctx context.Context, id string) (relay.Replay, error) {
	work, err := o.Ledger.Replay(ctx, id)
	return work.Replay, err
}

// Replays gives replays, newest first.
func (o *Office) Replays(ctx context.Context, q relay.ReplayQuery) ([]relay.Replay, error) {
	works, err := o.Ledger.Replays(ctx, q)
	rows := make([]relay.Replay, len(works))
	for i, w := range works {
		rows[i] = w.Replay
	}
	return rows, err
}

// PauseReplay stops a running replay where it is.
func (o *Office) PauseReplay(ctx context.Context, id string) (relay.Replay, error) {
	return o.move(ctx, id, relay.ReplayPaused, relay.ReplayRunning)
}

// ResumeReplay lets a paused or failed replay go on.
func (o *Office) ResumeReplay(ctx context.Context, id string) (relay.Replay, error) {
	return o.move(ctx, id, relay.ReplayRunning, relay.ReplayPaused, relay.ReplayFailed)
}

// CancelReplay ends a replay; what it has handed out already is still tried.
func (o *Office) CancelReplay(ctx context.Context, id string) (relay.Replay, error) {
	return o.move(ctx, id, relay.ReplayCancelled, relay.ReplayRunning, relay.ReplayPaused, relay.ReplayFailed)
}

// move changes the state of a replay; what is in it already is no error, so that doing it again changes nothing.
func (o *Office) move(ctx context.Context, id string, to relay.ReplayState, from ...relay.ReplayState) (relay.Replay, error) {
	if _, err := o.Ledger.SetReplayState(ctx, id, to, from...); err != nil {
		return relay.Replay{}, err
	}
	now, err := o.Replay(ctx, id)
	if err == nil && now.State != to {
		return now, relay.Errorf(relay.CodeConflict, "the replay is %s, so it can't become %s", now.State, to)
	}
	return now, err
}
