package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// fewOutcomes are written by one statement, more are copied: that takes more trips, and less for each row.
const fewOutcomes = 32

// RecordOutcomes writes what attempts came to, all or nothing; the same ones may be written again. No two may be of
// one delivery. Softly, for deliveries that the ledger has already, it returns before they are on the disk: a power loss
// may take the last of them.
func (s *Store) RecordOutcomes(ctx context.Context, outcomes []*relay.Outcome, softly bool) error {
	var first, later []*relay.Outcome
	for _, o := range outcomes {
		if !softly && o.State == relay.DeliveryDelivered && o.Attempt.Number == 1 {
			first = append(first, o)
		} else {
			later = append(later, o)
		}
	}
	err := s.recordAll(ctx, first, later, softly)
	if err = wrap("record outcomes", err); relay.CodeOf(err) == relay.CodeConflict { // one is in the ledger already
		err = wrap("record outcomes", recordLater(ctx, s.query, outcomes, softly))
	}
	if err == nil {
		s.flow.deliveries(outcomes)
	}
	return err
}

func (s *Store) recordAll(ctx context.Context, first, later []*relay.Outcome, softly bool) error {
	switch {
	case len(first) == 0:
		return recordLater(ctx, s.query, later, softly)
	case len(first) <= fewOutcomes && len(later) == 0:
		return s.query.InsertDeliveries(ctx, insertionOf(first))
	}
	return s.inTx(ctx, func(q *pgdb.Queries) error {
		if _, err := q.CopyDeliveries(ctx, deliveryRows(first)); err != nil {
			return err
		}
		return recordLater(ctx, q, later, softly)
	})
}

// recordLater writes outcomes of deliveries that the ledger may have already.
func recordLater(ctx context.Context, q *pgdb.Queries, outcomes []*relay.Outcome, softly bool) error {
	if len(outcomes) == 0 {
		return nil
	}
	first := insertionOf(outcomes)
	p := pgdb.RecordOutcomesParams{StoredAt: first.StoredAt, Subscriptions: first.Subscriptions, Sequences: first.Sequences,
		EventIds: first.EventIds, EventTypes: first.EventTypes, States: first.States, Numbers: first.Numbers, At: first.At,
		DurationMs: first.DurationMs, Statuses: first.Statuses, Errors: first.Errors, Answers: first.Answers, Softly: softly}
	for _, o := range outcomes {
		var next time.Time // none
		if o.State == relay.DeliveryWaiting && o.NextAttemptAt != nil {
			next = *o.NextAttemptAt
		}
		p.Counted, p.Replays = append(p.Counted, int32(o.Counted)), append(p.Replays, o.Attempt.Replay)
		p.NextAttemptAt, p.Held = append(p.NextAttemptAt, next), append(p.Held, o.Held)
	}
	return q.RecordOutcomes(ctx, p)
}

func insertionOf(outcomes []*relay.Outcome) (p pgdb.InsertDeliveriesParams) {
	for _, o := range outcomes {
		p.StoredAt, p.Subscriptions = append(p.StoredAt, o.StoredAt), append(p.Subscriptions, o.Subscription)
		p.Sequences = append(p.Sequences, int64(o.Sequence))
		p.EventIds, p.EventTypes = append(p.EventIds, o.EventID), append(p.EventTypes, o.EventType)
		p.States, p.Numbers = append(p.States, string(o.State)), append(p.Numbers, int32(o.Attempt.Number))
		p.At, p.DurationMs = append(p.At, o.Attempt.At), append(p.DurationMs, float32(o.Attempt.DurationMS))
		p.Statuses, p.Errors = append(p.Statuses, int32(o.Attempt.Status)), append(p.Errors, o.Attempt.Error)
		p.Answers = append(p.Answers, o.Attempt.Answer)
	}
	return p
}

func deliveryRows(outcomes []*relay.Outcome) []pgdb.CopyDeliveriesParams {
	rows := make([]pgdb.CopyDeliveriesParams, len(outcomes))
	for i, o := range outcomes {
		rows[i] = pgdb.CopyDeliveriesParams{StoredAt: o.StoredAt, SubscriptionID: o.Subscription, Sequence: int64(o.Sequence),
			EventID: o.EventID, EventType: o.EventType, State: string(o.State), Attempts: int32(o.Attempt.Number),
			LastAt: &o.Attempt.At, LastMs: float32(o.Attempt.DurationMS), LastStatus: int32(o.Attempt.Status),
			LastError: o.Attempt.Error, LastAnswer: o.Attempt.Answer, NextAttemptAt: o.NextAttemptAt}
	}
	return rows
}

// ClaimRetries takes deliveries of a subscription that are due, or will be in that time ahead, for the lease; one whose
// outcome is not recorded by then is due again.
func (s *Store) ClaimRetries(ctx context.Context, subscription int64, most int, ahead, lease time.Duration) ([]relay.Due, error) {
	rows, err := s.query.ClaimRetries(ctx, pgdb.ClaimRetriesParams{SubscriptionID: subscription, AtMost: int32(most),
		AheadSeconds: ahead.Seconds(), LeaseSeconds: lease.Seconds()})
	if err != nil {
		return nil, wrap("claim due deliveries", err)
	}
	due := make([]relay.Due, len(rows))
	for i, row := range rows {
		due[i] = dueOf(row)
	}
	return due, nil
}

func dueOf(row pgdb.Retry) relay.Due {
	return relay.Due{
		DeliveryKey: relay.DeliveryKey{Subscription: row.SubscriptionID, Sequence: uint64(row.Sequence), StoredAt: row.StoredAt},
		EventID:     row.EventID, EventType: row.EventType, Attempts: int(row.Attempts), Counted: int(row.Counted),
		Replay: row.Replay, At: row.NextAttemptAt, Held: row.Held}
}

// NextRetries gives when the next attempt of each subscription is due; those without any waiting are not in it.
func (s *Store) NextRetries(ctx context.Context) (map[int64]time.Time, error) {
	rows, err := s.query.NextRetries(ctx)
	if err != nil {
		return nil, wrap("read due times", err)
	}
	next := make(map[int64]time.Time, len(rows))
	for _, row := range rows {
		next[row.ID] = row.NextAttemptAt
	}
	return next, nil
}

// ReleaseRetry makes a waiting delivery due now and lets anybody claim it.
func (s *Store) ReleaseRetry(ctx context.Context, key relay.DeliveryKey) error {
	return wrap("release retry", s.query.GiveBackRetry(ctx, pgdb.GiveBackRetryParams{SubscriptionID: key.Subscription,
		Sequence: int64(key.Sequence), StoredAt: key.StoredAt}))
}

// Standing tells how a delivery stands: its state, "" when it was not tried, and what waits to be tried, if any.
func (s *Store) Standing(ctx context.Context, key relay.DeliveryKey) (relay.DeliveryState, *relay.Due, error) {
	row, err := s.query.GetDelivery(ctx, pgdb.GetDeliveryParams{StoredAt: key.StoredAt, SubscriptionID: key.Subscription,
		Sequence: int64(key.Sequence)})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, wrap("read delivery", err)
	}
	retry, err := s.query.GetRetry(ctx, pgdb.GetRetryParams{SubscriptionID: key.Subscription, Sequence: int64(key.Sequence),
		StoredAt: key.StoredAt})
	if errors.Is(err, pgx.ErrNoRows) {
		return relay.DeliveryState(row.State), nil, nil
	}
	if err != nil {
		return "", nil, wrap("read retry", err)
	}
	due := dueOf(retry)
	return relay.DeliveryState(row.State), &due, nil
}

// RetryDelivery makes a delivery due now, with its retry list from the start; relay.ErrNotFound when there is none.
func (s *Store) RetryDelivery(ctx context.Context, id string) error {
	key, err := relay.ParseDeliveryID(id)
	if err != nil {
		return err
	}
	return wrap("retry delivery", s.inTx(ctx, func(q *pgdb.Queries) error {
		kept := pgdb.KeepLastAttemptParams{StoredAt: key.StoredAt, SubscriptionID: key.Subscription, Sequence: int64(key.Sequence)}
		if err := q.KeepLastAttempt(ctx, kept); err != nil {
			return err
		}
		rows, err := q.RequeueDelivery(ctx, pgdb.RequeueDeliveryParams{StoredAt: key.StoredAt,
			SubscriptionID: key.Subscription, Sequence: int64(key.Sequence)})
		if err != nil {
			return err
		}
		if rows == 0 {
			return pgx.ErrNoRows
		}
		return q.RequeueRetry(ctx, pgdb.RequeueRetryParams{StoredAt: key.StoredAt, SubscriptionID: key.Subscription,
			Sequence: int64(key.Sequence)})
	}))
}

// stageLead is how long before its time a delivery is staged, so that who claims them may look for them seldom.
const stageLead = 250 * time.Millisecond

// StageDeliveries makes events due for subscriptions on behalf of a replay, whether they were tried before or not, one
// after the other evenly over that time; at once where that is none. No two may be of one delivery.
func (s *Store) StageDeliveries(ctx context.Context, replay string, events []relay.Due, over time.Duration) error {
	if len(events) == 0 {
		return nil
	}
	staged := pgdb.StageDeliveriesParams{Replay: replay, StepSeconds: over.Seconds() / float64(len(events))}
	if over > 0 {
		staged.LeadSeconds = stageLead.Seconds()
	}
	for _, e := range events {
		staged.StoredAt, staged.Subscriptions = append(staged.StoredAt, e.StoredAt), append(staged.Subscriptions, e.Subscription)
		staged.Sequences = append(staged.Sequences, int64(e.Sequence))
		staged.EventIds, staged.EventTypes = append(staged.EventIds, e.EventID), append(staged.EventTypes, e.EventType)
	}
	return wrap("stage deliveries", s.query.StageDeliveries(ctx, staged))
}

// Deliveries lists deliveries, newest event first.
func (s *Store) Deliveries(ctx context.Context, query relay.DeliveryQuery) ([]relay.Delivery, error) {
	params := pgdb.ListDeliveriesParams{State: string(query.State), Undelivered: query.Undelivered, EventID: query.EventID,
		EventType: query.EventType, Since: query.Since, Until: orEver(query.Until), AtMost: atMost(query.Limit)}
	params.Ceiling = params.Until
	if !query.Before.IsZero() {
		key, err := relay.ParseDeliveryID(query.Before.ID)
		if err != nil {
			return nil, err
		}
		params.BeforeTime, params.BeforeSubscription, params.BeforeSequence = key.StoredAt, key.Subscription, int64(key.Sequence)
		params.Ceiling = key.StoredAt
	}
	if query.Subscription == "" {
		return s.listDeliveries(ctx, params)
	}
	ids, err := s.query.SubscriptionIDs(ctx, query.Subscription)
	if err != nil {
		return nil, wrap("find subscription", err)
	}
	list := []relay.Delivery{}
	for _, id := range ids { // a name may have been used before
		params.SubscriptionID = id
		rows, err := s.listDeliveries(ctx, params)
		if err != nil {
			return nil, err
		}
		list = append(list, rows...)
	}
	if len(ids) > 1 {
		slices.SortStableFunc(list, newerDelivery)
	}
	return list[:min(len(list), int(params.AtMost))], nil
}

// newerDelivery sorts as the list of deliveries is sorted.
func newerDelivery(a, b relay.Delivery) int {
	left, _ := relay.ParseDeliveryID(a.ID) // made by this package
	right, _ := relay.ParseDeliveryID(b.ID)
	return cmp.Or(right.StoredAt.Compare(left.StoredAt), cmp.Compare(right.Subscription, left.Subscription), cmp.Compare(right.Sequence, left.Sequence))
}

func (s *Store) listDeliveries(ctx context.Context, params pgdb.ListDeliveriesParams) ([]relay.Delivery, error) {
	rows, err := s.lists.ListDeliveries(ctx, params)
	if err != nil {
		return nil, wrap("list deliveries", err)
	}
	list := make([]relay.Delivery, len(rows))
	for i, row := range rows {
		list[i] = deliveryOf(pgdb.GetDeliveryRow(row))
	}
	return list, nil
}

func deliveryOf(row pgdb.GetDeliveryRow) relay.Delivery {
	key := relay.DeliveryKey{Subscription: row.SubscriptionID, Sequence: uint64(row.Sequence), StoredAt: row.StoredAt}
	return relay.Delivery{ID: key.ID(), EventID: row.EventID, EventType: row.EventType, Subscription: row.Name,
		State: relay.DeliveryState(row.State), Attempts: int(row.Attempts), LastStatus: int(row.LastStatus),
		LastError: row.LastError, NextAttemptAt: row.NextAttemptAt, Sequence: key.Sequence, StoredAt: row.StoredAt,
		LastAttemptAt: row.LastAt}
}

// Delivery gives one delivery with its attempts; relay.ErrNotFound when there is none.
func (s *Store) Delivery(ctx context.Context, id string) (relay.DeliveryDetail, error) {
	key, err := relay.ParseDeliveryID(id)
	if err != nil {
		return relay.DeliveryDetail{}, err
	}
	row, err := s.query.GetDelivery(ctx, pgdb.GetDeliveryParams{StoredAt: key.StoredAt, SubscriptionID: key.Subscription,
		Sequence: int64(key.Sequence)})
	if err != nil {
		return relay.DeliveryDetail{}, wrap("read delivery", err)
	}
	attempts, err := s.query.ListDeliveryAttempts(ctx, pgdb.ListDeliveryAttemptsParams{StoredAt: key.StoredAt,
		SubscriptionID: key.Subscription, Sequence: int64(key.Sequence)})
	if err != nil {
		return relay.DeliveryDetail{}, wrap("read attempts", err)
	}
	detail := relay.DeliveryDetail{Delivery: deliveryOf(row), History: []relay.DeliveryAttempt{}}
	for _, a := range attempts {
		detail.History = append(detail.History, relay.DeliveryAttempt{Number: int(a.Number), At: a.At,
			DurationMS: float64(a.DurationMs), Status: int(a.Status), Error: a.Error, Answer: a.Answer, Replay: a.Replay})
	}
	if len(attempts) == 0 && row.LastAt != nil { // delivered at once: only the row tells of it
		detail.History = append(detail.History, relay.DeliveryAttempt{Number: int(row.Attempts), At: *row.LastAt,
			DurationMS: float64(row.LastMs), Status: int(row.LastStatus), Error: row.LastError, Answer: row.LastAnswer})
	}
	return detail, nil
}

// DeliveryCounts counts deliveries by subscription name and state.
func (s *Store) DeliveryCounts(ctx context.Context) (map[string]map[relay.DeliveryState]int64, error) {
	rows, err := s.query.CountDeliveries(ctx)
	if err != nil {
		return nil, wrap("count deliveries", err)
	}
	counts := map[string]map[relay.DeliveryState]int64{}
	for _, row := range rows {
		if counts[row.Name] == nil {
			counts[row.Name] = map[relay.DeliveryState]int64{}
		}
		counts[row.Name][relay.DeliveryState(row.State)] += row.Rows
	}
	return counts, nil
}

// DeliverySequences gives the sequences from first to last that the ledger has for a subscription, in order.
func (s *Store) DeliverySequences(ctx context.Context, subscription int64, first, last uint64, since time.Time) ([]uint64, error) {
	rows, err := s.query.DeliverySequences(ctx, pgdb.DeliverySequencesParams{SubscriptionID: subscription,
		First: int64(first), Last: int64(last), Since: since})
	if err != nil {
		return nil, wrap("list sequences of "+strconv.FormatInt(subscription, 10), err)
	}
	sequences := make([]uint64, len(rows))
	for i, row := range rows {
		sequences[i] = uint64(row)
	}
	return sequences, nil
}
