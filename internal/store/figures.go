package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// WebhookFlow counts the webhooks received since a time by state, one slot a step; slots without any are left out.
func (s *Store) WebhookFlow(ctx context.Context, since time.Time, step time.Duration) ([]relay.Slot, error) {
	rows, err := s.lists.WebhookFlow(ctx, pgdb.WebhookFlowParams{Since: since, Step: step.Seconds()})
	var slots []relay.Slot
	for _, row := range rows {
		slots = addToSlot(slots, row.At, row.State, row.Rows)
	}
	return slots, wrap("count webhooks by time", err)
}

// EnrollmentFlow counts the enrolments asked for since a time by the state they are in now, as WebhookFlow.
func (s *Store) EnrollmentFlow(ctx context.Context, since time.Time, step time.Duration) ([]relay.Slot, error) {
	rows, err := s.lists.EnrollmentFlow(ctx, pgdb.EnrollmentFlowParams{Since: since, Step: step.Seconds()})
	var slots []relay.Slot
	for _, row := range rows {
		slots = addToSlot(slots, row.At, row.State, row.Rows)
	}
	return slots, wrap("count enrollments by time", err)
}

// CountParkedWebhooks gives how many webhooks wait for a person.
func (s *Store) CountParkedWebhooks(ctx context.Context) (int, error) {
	count, err := s.query.CountParkedWebhooks(ctx)
	return int(count), wrap("count parked webhooks", err)
}

// addToSlot counts a row of rows that come in the order of time.
func addToSlot(slots []relay.Slot, at time.Time, state string, rows int64) []relay.Slot {
	if n := len(slots); n == 0 || !slots[n-1].At.Equal(at) {
		slots = append(slots, relay.Slot{At: at, Counts: map[string]int{}})
	}
	slots[len(slots)-1].Counts[state] += int(rows)
	return slots
}
