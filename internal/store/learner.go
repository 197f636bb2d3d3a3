package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// OrdersOfLearner gives the orders with an enrolment of the learner; the address is in lower case.
func (s *Store) OrdersOfLearner(ctx context.Context, learner string) ([]relay.OrderKey, error) {
	rows, err := s.query.OrdersOfLearner(ctx, learner)
	keys := make([]relay.OrderKey, len(rows))
	for i, row := range rows {
		keys[i] = relay.OrderKey{Source: row.Source, Order: row.OrderID}
	}
	return keys, wrap("list orders of a learner", err)
}

// OrdersOfWebhooks gives the orders that webhooks of WEBHOOKS, received since then, were about.
func (s *Store) OrdersOfWebhooks(ctx context.Context, sequences []uint64, since time.Time) ([]relay.OrderKey, error) {
	rows, err := s.query.OrdersOfWebhooks(ctx, pgdb.OrdersOfWebhooksParams{Sequences: signed(sequences), Since: since})
	keys := make([]relay.OrderKey, len(rows))
	for i, row := range rows {
		keys[i] = relay.OrderKey{Source: row.Source, Order: row.OrderID}
	}
	return keys, wrap("list orders of webhooks", err)
}

// OrdersNaming gives all orders whose newest state holds says yes to. The whole table is read; holds is asked where word,
// in lower case, stands.
func (s *Store) OrdersNaming(ctx context.Context, word string, holds func(string) bool) ([]relay.OrderKey, error) {
	const page = 500
	var keys []relay.OrderKey
	err := s.unhurried(ctx, func(q *pgdb.Queries, _ pgx.Tx) error {
		var after relay.OrderKey
		for {
			rows, err := q.OrdersNaming(ctx, pgdb.OrdersNamingParams{AfterSource: after.Source, AfterID: after.Order, Word: word, AtMost: page})
			if err != nil {
				return err
			}
			for _, row := range rows {
				if after = (relay.OrderKey{Source: row.Source, Order: row.ID}); holds(row.State) {
					keys = append(keys, after)
				}
			}
			if len(rows) < page {
				return nil
			}
		}
	})
	return keys, wrap("look for orders", err)
}

// Person gives one of the roster by the address, without case; ErrNotFound when there is none.
func (s *Store) Person(ctx context.Context, email string) (relay.Person, error) {
	row, err := s.query.GetPerson(ctx, email)
	return relay.Person{Email: row.Email, Username: row.Username, Name: row.Name, SeenAt: row.SeenAt}, wrap("read person", err)
}

// PendingOf gives the requests to the roster for an address in lower case.
func (s *Store) PendingOf(ctx context.Context, email string) ([]relay.RosterPending, error) {
	rows, err := s.query.PendingOf(ctx, email)
	list := make([]relay.RosterPending, len(rows))
	for i, row := range rows {
		list[i] = relay.RosterPending{ID: row.ID, Email: row.Email, CourseID: row.CourseID, Mode: row.Mode, Retry: row.Retry,
			Since: row.Since, LastAt: row.LastAt}
	}
	return list, wrap("list pending requests of a person", err)
}

// ReplaysNaming gives the ids of replays whose filter names the learner, in lower case.
func (s *Store) ReplaysNaming(ctx context.Context, learner string) ([]string, error) {
	ids, err := s.query.ReplaysNaming(ctx, learner)
	return ids, wrap("look for replays", err)
}

// ForgetReplays puts as in the place of the learner in the filters of replays, and cancels those not ended.
func (s *Store) ForgetReplays(ctx context.Context, learner, as, reason string) (int, error) {
	count := 0
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		ids, err := q.ReplaysNaming(ctx, learner)
		for _, id := range ids {
			err = errors.Join(err, q.ForgetReplay(ctx, pgdb.ForgetReplayParams{Learner: as, Reason: reason, ID: id}))
		}
		count = len(ids)
		return err
	})
	return count, wrap("forget a learner in replays", err)
}

// IgnoreErasedWebhooks ends the wait of parked webhooks of WEBHOOKS, received since then, whose messages are erased.
func (s *Store) IgnoreErasedWebhooks(ctx context.Context, sequences []uint64, since time.Time, reason string) error {
	_, err := s.query.IgnoreErasedWebhooks(ctx, pgdb.IgnoreErasedWebhooksParams{Sequences: signed(sequences), Since: since, Reason: reason})
	return wrap("give up parked webhooks", err)
}

// CountDeliveriesOf counts the deliveries of events by subscription name and state.
func (s *Store) CountDeliveriesOf(ctx context.Context, events []relay.Due) (map[string]map[relay.DeliveryState]int, error) {
	stored, sequences := placesOf(events)
	rows, err := s.query.CountDeliveriesOf(ctx, pgdb.CountDeliveriesOfParams{StoredAt: stored, Sequences: sequences})
	counts := map[string]map[relay.DeliveryState]int{}
	for _, row := range rows {
		if counts[row.Name] == nil {
			counts[row.Name] = map[relay.DeliveryState]int{}
		}
		counts[row.Name][relay.DeliveryState(row.State)] += int(row.Rows)
	}
	return counts, wrap("count deliveries of events", err)
}

// EndErasedDeliveries parks what waits to deliver the events, drops their retries and blanks what subscribers answered.
// It says how many deliveries that changed.
func (s *Store) EndErasedDeliveries(ctx context.Context, events []relay.Due, reason string) (int, error) {
	stored, sequences := placesOf(events)
	var changed int64
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		_, err := q.DropErasedRetries(ctx, pgdb.DropErasedRetriesParams{StoredAt: stored, Sequences: sequences})
		if err != nil {
			return err
		}
		if changed, err = q.EndErasedDeliveries(ctx, pgdb.EndErasedDeliveriesParams{StoredAt: stored, Sequences: sequences, Reason: reason}); err != nil {
			return err
		}
		_, err = q.BlankErasedAttempts(ctx, pgdb.BlankErasedAttemptsParams{StoredAt: stored, Sequences: sequences})
		return err
	})
	return int(changed), wrap("end deliveries of erased events", err)
}

// ParkUntried accounts for events that a subscription was still to be given and never will. What the ledger knows of a
// delivery already stays.
func (s *Store) ParkUntried(ctx context.Context, subscription int64, events []relay.Due, reason string) error {
	params := pgdb.ParkUntriedParams{SubscriptionID: subscription, Reason: reason}
	params.StoredAt, params.Sequences = placesOf(events)
	for _, e := range events {
		params.EventIds, params.EventTypes = append(params.EventIds, clean(e.EventID)), append(params.EventTypes, clean(e.EventType))
	}
	return wrap("park deliveries of erased events", s.query.ParkUntried(ctx, params))
}

// SearchOutbox counts the events not yet on the log that holds says yes to.
func (s *Store) SearchOutbox(ctx context.Context, holds func([]byte) bool) (int, error) {
	ids, err := outboxHolding(ctx, s.query, holds)
	return len(ids), wrap("search the outbox", err)
}

// ForgetOutbox drops the events not yet on the log that holds says yes to.
func (s *Store) ForgetOutbox(ctx context.Context, holds func([]byte) bool) (int, error) {
	ids, err := outboxHolding(ctx, s.query, holds)
	if err == nil && len(ids) > 0 {
		err = s.query.DropFromOutbox(ctx, ids)
	}
	return len(ids), wrap("forget a learner in the outbox", err)
}

func outboxHolding(ctx context.Context, q *pgdb.Queries, holds func([]byte) bool) (ids []int64, err error) {
	const page = 500
	for after := int64(0); ; {
		rows, err := q.ListOutbox(ctx, pgdb.ListOutboxParams{After: after, AtMost: page})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if after = row.ID; holds(row.Body) {
				ids = append(ids, row.ID)
			}
		}
		if len(rows) < page {
			return ids, nil
		}
	}
}

// unhurried is inTx for what reads whole tables: the server's time limit for a statement is lifted.
func (s *Store) unhurried(ctx context.Context, work func(*pgdb.Queries, pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '10min'"); err != nil {
			return err
		}
		return work(s.query.WithTx(tx), tx)
	})
}
