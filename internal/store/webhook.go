package store

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// Webhooks lists what came in, newest first. Rejected webhooks stand on the stream REJECTED only, so that strangers
// can't fill the ledger.
func (s *Store) Webhooks(ctx context.Context, query relay.WebhookQuery) ([]relay.Webhook, error) {
	rows, err := s.lists.ListWebhooks(ctx, pgdb.ListWebhooksParams{
		State: string(query.State), Source: query.Source, Topic: query.Topic, OrderKey: query.Order,
		Since: query.Since, Until: orEver(query.Until),
		BeforeID: query.Before.ID, BeforeTime: query.Before.Time, AtMost: atMost(query.Limit),
	})
	if err != nil {
		return nil, wrap("list webhooks", err)
	}
	list := make([]relay.Webhook, len(rows))
	for i, row := range rows {
		list[i] = toWebhook(row)
	}
	return list, nil
}

// Webhook gives the newest webhook with this id, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, id string) (relay.Webhook, error) {
	row, err := s.query.GetWebhook(ctx, id)
	if err != nil {
		return relay.Webhook{}, wrap("read webhook", err)
	}
	return toWebhook(row), nil
}

// RecordWebhooks writes what became of webhooks; the same again changes nothing, and what is done stays done.
func (s *Store) RecordWebhooks(ctx context.Context, list []relay.Webhook) error {
	return wrap("record webhooks", s.inTx(ctx, func(q *pgdb.Queries) error { return recordWebhooks(ctx, q, list) }))
}

// KnownWebhooks tells which of the sequences of WEBHOOKS are in the ledger.
func (s *Store) KnownWebhooks(ctx context.Context, sequences []uint64) (map[uint64]bool, error) {
	numbers := make([]int64, len(sequences))
	for i, sequence := range sequences {
		numbers[i] = int64(sequence)
	}
	known, err := s.query.KnownSequences(ctx, numbers)
	if err != nil {
		return nil, wrap("look for webhooks", err)
	}
	found := make(map[uint64]bool, len(known))
	for _, sequence := range known {
		found[uint64(sequence)] = true
	}
	return found, nil
}

// Sequences gives the sequences of WEBHOOKS between two, both included, that the ledger knows, in order. Webhooks
// received before since belong to an earlier log and don't count.
func (s *Store) Sequences(ctx context.Context, first, last uint64, since time.Time) ([]uint64, error) {
	rows, err := s.query.ListSequences(ctx, pgdb.ListSequencesParams{First: int64(first), Last: int64(last), Since: since})
	list := make([]uint64, len(rows))
	for i, sequence := range rows {
		list[i] = uint64(sequence)
	}
	return list, wrap("list sequences", err)
}

func recordWebhooks(ctx context.Context, q *pgdb.Queries, list []relay.Webhook) error {
	params := make([]pgdb.RecordWebhooksParams, len(list))
	for i, w := range list {
		params[i] = pgdb.RecordWebhooksParams{
			ReceivedAt: w.ReceivedAt, Sequence: int64(w.Sequence), ID: clean(w.ID), Source: clean(w.Source), Topic: clean(w.Topic),
			State: string(w.State), Reason: clean(w.Reason), OrderID: clean(w.Order), OrderName: clean(w.OrderName), Notes: notes(w.Notes),
		}
	}
	return firstError(q.RecordWebhooks(ctx, params))
}

func toWebhook(row pgdb.Webhook) relay.Webhook {
	w := relay.Webhook{
		ID: row.ID, Source: row.Source, Topic: row.Topic, ReceivedAt: row.ReceivedAt, State: relay.WebhookState(row.State),
		Reason: row.Reason, Sequence: uint64(row.Sequence), Order: row.OrderID, OrderName: row.OrderName,
	}
	_ = json.Unmarshal(row.Notes, &w.Notes) // written by notes; absent at worst
	return w
}

func notes(list []string) []byte {
	cleaned := make([]string, len(list))
	for i, note := range list {
		cleaned[i] = clean(note)
	}
	text, _ := json.Marshal(cleaned) // strings always marshal
	return text
}

func orEver(until time.Time) time.Time {
	if until.IsZero() {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return until
}

func atMost(limit int) int32 {
	if limit <= 0 || limit > math.MaxInt32 {
		return math.MaxInt32
	}
	return int32(limit)
}
