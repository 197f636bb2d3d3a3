package desk

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
)

// maxScan bounds how many messages one page of a list looks at on the log.
const maxScan = 100_000

// PageSize is how many rows are read at once.
const PageSize = 1000

// scanLog reads the log backwards until q.Limit rows are kept.
func scanLog[T any](ctx context.Context, log Log, q relay.LogQuery, keep func([]relay.Received) ([]T, error)) ([]T, error) {
	var rows []T
	wanted := q.Limit
	for seen := 0; seen < maxScan; {
		messages, err := log.Newest(ctx, q)
		if err != nil {
			return nil, err
		}
		kept, err := keep(messages)
		if err != nil {
			return nil, err
		}
		rows = append(rows, kept...)
		seen += len(messages)
		if len(messages) < q.Limit || len(rows) >= wanted {
			break
		}
		q.Before, q.Limit = messages[len(messages)-1].Sequence, PageSize
	}
	return rows[:min(len(rows), wanted)], nil
}
