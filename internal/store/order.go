package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// ChangeOrders locks orders with their enrolments, made empty where they are new, lets change work on them and writes
// everything back with the webhooks that change returns, in one transaction. change may run only once; its error
// changes nothing.
func (s *Store) ChangeOrders(
	ctx context.Context, keys []relay.OrderKey, change func(map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error),
) error {
	return wrap("change orders", s.inTx(ctx, func(q *pgdb.Queries) error {
		records, err := lockOrders(ctx, q, keys)
		if err != nil {
			return err
		}
		webhooks, err := change(records)
		if err != nil {
			return err
		}
		if err := saveOrders(ctx, q, records); err != nil {
			return err
		}
		if len(webhooks) == 0 {
			return nil
		}
		return recordWebhooks(ctx, q, webhooks)
	}))
}

func lockOrders(ctx context.Context, q *pgdb.Queries, keys []relay.OrderKey) (map[relay.OrderKey]*relay.OrderRecord, error) {
	records := make(map[relay.OrderKey]*relay.OrderRecord, len(keys))
	if len(keys) == 0 {
		return records, nil
	}
	sources, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		sources[i], ids[i] = key.Source, key.Order
	}
	if err := q.EnsureOrders(ctx, pgdb.EnsureOrdersParams{Sources: sources, Ids: ids}); err != nil {
		return nil, err
	}
	orders, err := q.LockOrders(ctx, pgdb.LockOrdersParams{Sources: sources, Ids: ids})
	if err != nil {
		return nil, err
	}
	for _, row := range orders {
		record := &relay.OrderRecord{}
		if err := json.Unmarshal(row.State, &record.State); err != nil {
			return nil, fmt.Errorf("order %s of %s: %w", row.ID, row.Source, err)
		}
		record.State.OrderKey = relay.OrderKey{Source: row.Source, Order: row.ID}
		records[record.State.OrderKey] = record
	}
	rows, err := q.EnrollmentsOfOrders(ctx, pgdb.EnrollmentsOfOrdersParams{Sources: sources, Ids: ids})
	if err != nil {
		return nil, err
	}
	for _, w := range toWorks(rows) {
		if record := records[relay.OrderKey{Source: w.Source, Order: w.Order}]; record != nil {
			record.Rows = append(record.Rows, w)
		}
	}
	return records, nil
}

func saveOrders(ctx context.Context, q *pgdb.Queries, records map[relay.OrderKey]*relay.OrderRecord) error {
	var params []pgdb.SaveOrderParams
	var dropped []int64
	var rows []*relay.Work
	for key, record := range records {
		state, err := json.Marshal(record.State)
		if err != nil {
			return err
		}
		params = append(params, pgdb.SaveOrderParams{Source: key.Source, ID: key.Order, Name: clean(record.State.Name), State: state})
		dropped = append(dropped, record.Dropped...)
		rows = append(rows, record.Rows...)
	}
	if len(params) == 0 {
		return nil
	}
	if err := firstError(q.SaveOrder(ctx, params)); err != nil {
		return err
	}
	if len(dropped) > 0 {
		if err := q.DeleteEnrollments(ctx, dropped); err != nil {
			return err
		}
	}
	if err := writeWork(ctx, q, rows); err != nil {
		return err
	}
	return noteOnWebhooks(ctx, q, records)
}

// noteOnWebhooks adds what was found out later to the webhooks that orders came from.
func noteOnWebhooks(ctx context.Context, q *pgdb.Queries, records map[relay.OrderKey]*relay.OrderRecord) error {
	for _, record := range records {
		for _, note := range record.Notes {
			if err := q.NoteOnWebhooks(ctx, pgdb.NoteOnWebhooksParams{Note: clean(note), Ids: []string{record.State.Webhook}}); err != nil {
				return err
			}
		}
		if record.Ignored != "" {
			if err := q.IgnoreWebhook(ctx, pgdb.IgnoreWebhookParams{Reason: clean(record.Ignored), ID: record.State.Webhook}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Orders gives what is known of orders in the order of their keys, those after one key.
func (s *Store) Orders(ctx context.Context, after relay.OrderKey, limit int) ([]relay.OrderState, error) {
	rows, err := s.query.ListOrders(ctx, pgdb.ListOrdersParams{AfterSource: after.Source, AfterID: after.Order, AtMost: atMost(limit)})
	if err != nil {
		return nil, wrap("list orders", err)
	}
	list := make([]relay.OrderState, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.State, &list[i]); err != nil {
			return nil, fmt.Errorf("order %s of %s: %w", row.ID, row.Source, err)
		}
		list[i].OrderKey = relay.OrderKey{Source: row.Source, Order: row.ID}
	}
	return list, nil
}
