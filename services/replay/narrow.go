package replay

import (
	"context"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// narrow keeps what the ledger's states and the subscriptions' patterns choose.
func (c *choice) narrow(ctx context.Context, ledger Ledger, run []relay.Received, end uint64) (chunk, error) {
	ch := chunk{end: end}
	if len(run) == 0 {
		if !c.ask.Enroller {
			ch.forWhom = map[int64]map[uint64]bool{}
		}
		return ch, nil
	}
	if c.ask.Enroller {
		return c.narrowWebhooks(ctx, ledger, run, ch)
	}
	ch.forWhom = map[int64]map[uint64]bool{}
	for _, s := range c.subscribers {
		chosen, err := c.narrowEvents(ctx, ledger, s, run)
		if err != nil {
			return chunk{}, err
		}
		ch.forWhom[s.ID] = chosen
	}
	for _, m := range run {
		for _, chosen := range ch.forWhom {
			if chosen[m.Sequence] {
				ch.messages = append(ch.messages, m)
				break
			}
		}
	}
	return ch, nil
}

func (c *choice) narrowWebhooks(ctx context.Context, ledger Ledger, run []relay.Received, ch chunk) (chunk, error) {
	run, err := c.ofCourseAndLearner(ctx, ledger, run)
	if err != nil || len(run) == 0 || c.ask.State == "" || c.ask.State == relay.ReplayRejected {
		ch.messages = run
		return ch, err
	}
	states, err := ledger.WebhookStates(ctx, sequences(run), run[0].Stored.Add(-time.Second))
	for _, m := range run {
		state, known := states[m.Sequence]
		if !known {
			state = relay.WebhookAccepted
		}
		if string(state) == c.ask.State {
			ch.messages = append(ch.messages, m)
		}
	}
	return ch, err
}

// ofCourseAndLearner keeps the webhooks that speak of the course and of the learner, or whose order the ledger knows to.
func (c *choice) ofCourseAndLearner(ctx context.Context, ledger Ledger, run []relay.Received) ([]relay.Received, error) {
	if c.ask.Course == "" && c.ask.Learner == "" || c.ask.State == relay.ReplayRejected {
		return run, nil
	}
	course, learner, err := ledger.WebhooksAbout(ctx, sequences(run), run[0].Stored.Add(-time.Second), c.ask.Course, c.ask.Learner)
	return slices.DeleteFunc(run, func(m relay.Received) bool {
		return !c.tellsCourse(m) && !course[m.Sequence] || !c.tellsLearner(m) && !learner[m.Sequence]
	}), err
}

func (c *choice) narrowEvents(ctx context.Context, ledger Ledger, s relay.Subscriber, run []relay.Received) (map[uint64]bool, error) {
	var states map[uint64]relay.DeliveryState
	if c.ask.State != "" {
		var err error
		states, err = ledger.DeliveryStates(ctx, s.ID, sequences(run), run[0].Stored.Add(-time.Second), run[len(run)-1].Stored.Add(time.Second))
		if err != nil {
			return nil, err
		}
	}
	chosen := map[uint64]bool{}
	for _, m := range run {
		state := states[m.Sequence]
		if c.fits(state) && subscription.Matches(s.Events, m.Type) {
			chosen[m.Sequence] = true
		}
	}
	return chosen, nil
}

func sequences(run []relay.Received) []uint64 {
	list := make([]uint64, len(run))
	for i, m := range run {
		list[i] = m.Sequence
	}
	return list
}

func (c *choice) fits(state relay.DeliveryState) bool {
	switch c.ask.State {
	case "":
		return true
	case relay.ReplayUndelivered:
		return state == relay.DeliveryWaiting || state == relay.DeliveryParked
	case relay.ReplayMissing:
		return state == ""
	}
	return string(state) == c.ask.State
}

// eachRun walks over the enrolments that are chosen behind the cursor, size rows at a time.
func (c *choice) eachRun(ctx context.Context, ledger Ledger, cursor uint64, size int, visit func(chunk) (bool, error)) error {
	for {
		rows, err := ledger.EnrollmentsAgain(ctx, c.ask, cursor, c.walk.To, size)
		if err != nil {
			return err
		}
		if cursor = c.walk.To; len(rows) == size {
			cursor = uint64(rows[size-1].ID)
		}
		if more, err := visit(chunk{rows: rows, end: cursor}); err != nil || !more || len(rows) < size {
			return err
		}
	}
}
