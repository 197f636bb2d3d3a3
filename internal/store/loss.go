package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// MarkLog notes how far a stream has come: its last sequence, and when the message of it was stored (zero when there is
// none). noted is what LogMark gave before the stream was asked, 0 for nothing: a stream that ends before that has lost
// its end, which is kept, and given back. One that ends only before what another process noted meanwhile has not.
func (s *Store) MarkLog(ctx context.Context, stream string, noted, last uint64, stored time.Time) (*relay.Loss, error) {
	var loss *relay.Loss
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		mark, err := q.LockLogMark(ctx, stream)
		if errors.Is(err, pgx.ErrNoRows) {
			return q.MoveLogMark(ctx, pgdb.MoveLogMarkParams{Stream: stream, Last: int64(last)})
		}
		if err != nil || uint64(mark.Last) == last {
			return err
		}
		if uint64(mark.Last) > last && last >= noted {
			return nil
		}
		if uint64(mark.Last) > last {
			loss = &relay.Loss{Stream: stream, First: last + 1, Last: uint64(mark.Last), Since: stored, Until: mark.SeenAt}
			if err := addLoss(ctx, q, loss); err != nil {
				return err
			}
		}
		return q.MoveLogMark(ctx, pgdb.MoveLogMarkParams{Stream: stream, Last: int64(last)})
	})
	return loss, wrap("mark how far the log has come", err)
}

// LogMark is the last sequence that MarkLog noted of a stream; ErrNotFound when there is none.
func (s *Store) LogMark(ctx context.Context, stream string) (uint64, error) {
	last, err := s.query.LogMark(ctx, stream)
	return uint64(last), wrap("read how far the log had come", err)
}

func addLoss(ctx context.Context, q *pgdb.Queries, loss *relay.Loss) error {
	if loss.Stream == relay.StreamWebhooks {
		known, err := q.CountSequences(ctx, pgdb.CountSequencesParams{First: int64(loss.First), Last: int64(loss.Last), Since: loss.Since})
		if err != nil {
			return err
		}
		loss.Unworked = max(0, int(loss.Last-loss.First+1)-int(known))
	}
	return q.AddLogLoss(ctx, pgdb.AddLogLossParams{
		Stream: loss.Stream, First: int64(loss.First), Last: int64(loss.Last), Since: loss.Since, Until: loss.Until, Unworked: int64(loss.Unworked),
	})
}

// LogLosses lists what the log was found to have lost since a time, oldest first.
func (s *Store) LogLosses(ctx context.Context, since time.Time) ([]relay.Loss, error) {
	rows, err := s.query.LogLosses(ctx, since)
	list := make([]relay.Loss, len(rows))
	for i, row := range rows {
		list[i] = relay.Loss{
			Stream: row.Stream, First: uint64(row.First), Last: uint64(row.Last), Since: row.Since, Until: row.Until,
			Unworked: int(row.Unworked), FoundAt: row.FoundAt,
		}
	}
	return list, wrap("list what the log lost", err)
}
