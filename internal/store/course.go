package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// KnownSKUs gives what is known of SKUs, of what was checked since fresh.
func (s *Store) KnownSKUs(ctx context.Context, skus []string, fresh time.Time) (map[string]relay.SKU, error) {
	rows, err := s.query.KnownSKUs(ctx, pgdb.KnownSKUsParams{Skus: skus, Fresh: fresh})
	known := make(map[string]relay.SKU, len(rows))
	for _, row := range rows {
		known[row.Sku] = toSKU(row)
	}
	return known, wrap("read SKUs", err)
}

// WantSKUs asks for SKUs to be looked up now.
func (s *Store) WantSKUs(ctx context.Context, skus []string, now time.Time) error {
	return wrap("ask for SKUs", s.query.WantSKUs(ctx, pgdb.WantSKUsParams{Skus: skus, Now: now}))
}

// ClaimSKUs takes SKUs that are due. Unless they are answered they fall due again at the time given.
func (s *Store) ClaimSKUs(ctx context.Context, now, again time.Time, limit int) ([]relay.SKU, error) {
	rows, err := s.query.ClaimSKUs(ctx, pgdb.ClaimSKUsParams{Now: now, Again: again, AtMost: atMost(limit)})
	list := make([]relay.SKU, len(rows))
	for i, row := range rows {
		list[i] = toSKU(row)
	}
	return list, wrap("claim SKUs", err)
}

// AnswerSKU records what a SKU leads to.
func (s *Store) AnswerSKU(ctx context.Context, sku relay.SKU) error {
	return wrap("record SKU", s.query.AnswerSKU(ctx, pgdb.AnswerSKUParams{
		Sku: sku.SKU, State: string(sku.State), Course: sku.Course, Reason: clean(sku.Reason), Now: sku.CheckedAt,
	}))
}

// PostponeSKU records that a SKU could not be looked up, and when to try again.
func (s *Store) PostponeSKU(ctx context.Context, sku, reason string, again time.Time) error {
	return wrap("postpone SKU", s.query.PostponeSKU(ctx, pgdb.PostponeSKUParams{Sku: sku, Reason: clean(reason), Again: again}))
}

// OrdersToResolve gives orders with an enrolment that waits for a course that is known by now.
func (s *Store) OrdersToResolve(ctx context.Context, limit int) ([]relay.OrderKey, error) {
	rows, err := s.query.OrdersToResolve(ctx, atMost(limit))
	keys := make([]relay.OrderKey, len(rows))
	for i, row := range rows {
		keys[i] = relay.OrderKey{Source: row.Source, Order: row.OrderID}
	}
	return keys, wrap("find orders to resolve", err)
}

func toSKU(row pgdb.Sku) relay.SKU {
	sku := relay.SKU{
		SKU: row.Sku, State: relay.SKUState(row.State), Course: row.Course, Reason: row.Reason, Attempts: int(row.Attempts),
	}
	if row.CheckedAt != nil {
		sku.CheckedAt = *row.CheckedAt
	}
	return sku
}
