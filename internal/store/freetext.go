package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/sql/pgdb"
)

// textColumns are columns of one table that are looked through for an address.
type textColumns struct {
	table   string
	columns []string
	empty   string // what stands for a text of which nothing may stay; of JSON with none, the text is left
	json    bool   // rewritten as text
}

// knownTexts hold a learner's address by design and are taken care of by those who know them; whatever they leave is
// found here.
var knownTexts = []textColumns{
	{"orders", []string{"state"}, "", true},
	{"replays", []string{"request"}, "", true},
}

// freeTexts are the columns in which a stranger's words may stand beside.
var freeTexts = []textColumns{
	{"webhooks", []string{"reason", "order_name"}, "", false},
	{"webhooks", []string{"notes"}, "[]", true},
	{"enrollments", []string{"reason"}, "", false},
	{"enrollments", []string{"notes"}, "[]", true},
	{"enrollment_attempts", []string{"outcome"}, "", false},
	{"orders", []string{"name"}, "", false},
	{"skus", []string{"reason"}, "", false},
	{"enroller_status", []string{"reason", "hint"}, "", false},
	{"subscriptions", []string{"reason"}, "", false},
	{"deliveries", []string{"last_error", "last_answer"}, "", false},
	{"delivery_attempts", []string{"error", "answer"}, "", false},
	{"filter_calls", []string{"error", "exception"}, "", false},
	{"replays", []string{"reason"}, "", false},
	{"audit_trail", []string{"target"}, "", false},
	{"audit_trail", []string{"detail"}, "{}", true},
}

// found is a value of one row in which a word stands.
type found struct {
	textColumns
	column             string
	part, place, value string
}

// SearchTexts counts the free texts of the ledger that holds says yes to. Only those in which word, in lower case,
// stands are read, one at a time.
func (s *Store) SearchTexts(ctx context.Context, word string, holds func(string) bool) (int, error) {
	count := 0
	err := s.eachText(ctx, freeTexts, word, holds, func(_ pgx.Tx, list []found) error {
		count += len(list)
		return nil
	})
	return count, wrap("search the ledger's texts", err)
}

// ForgetTexts rewrites the texts of the ledger that holds says yes to with scrub, and says how many they were.
func (s *Store) ForgetTexts(ctx context.Context, word string, holds func(string) bool, scrub func(string) string) (int, error) {
	count := 0
	err := s.eachText(ctx, slices.Concat(freeTexts, knownTexts), word, holds, func(tx pgx.Tx, list []found) error {
		for _, f := range list {
			rows, err := f.rewrite(ctx, tx, scrub)
			if err != nil {
				return err
			}
			count += rows
		}
		return nil
	})
	return count, wrap("forget a learner in the ledger's texts", err)
}

// rewrite puts a scrubbed text in the place of a value, unless the row has changed meanwhile.
func (f found) rewrite(ctx context.Context, tx pgx.Tx, scrub func(string) string) (int, error) {
	text := scrub(f.value)
	if text == "" {
		text = f.empty
	}
	if text == "" && f.json {
		return 0, nil // JSON of the ledger has no escapes within escapes, so this was never seen
	}
	cast := ""
	if f.json {
		cast = "::jsonb"
	}
	tag, err := tx.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = $1::text%s WHERE tableoid = $2::regclass AND ctid = $3::tid AND %s::text = $4",
		f.table, f.column, cast, f.column), text, f.part, f.place, f.value)
	return int(tag.RowsAffected()), err
}

// eachText hands over, column by column, the values that holds says yes to.
func (s *Store) eachText(
	ctx context.Context, where []textColumns, word string, holds func(string) bool, visit func(pgx.Tx, []found) error,
) error {
	for _, t := range where {
		for _, column := range t.columns {
			err := s.unhurried(ctx, func(_ *pgdb.Queries, tx pgx.Tx) error {
				list, err := textsHolding(ctx, tx, t, column, word, holds)
				if err != nil {
					return err
				}
				return visit(tx, list)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func textsHolding(ctx context.Context, tx pgx.Tx, t textColumns, column, word string, holds func(string) bool) ([]found, error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(
		"SELECT tableoid::regclass::text, ctid::text, %s::text FROM %s WHERE %s::text <> '' AND strpos(lower(%s::text), $1) > 0",
		column, t.table, column, column), word)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []found
	for rows.Next() {
		f := found{textColumns: t, column: column}
		if err := rows.Scan(&f.part, &f.place, &f.value); err != nil {
			return nil, err
		}
		if holds(f.value) {
			list = append(list, f)
		}
	}
	return list, rows.Err()
}
