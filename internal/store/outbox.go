package store

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// DrainOutbox hands up to limit waiting events, oldest first, to publish and forgets those that it says are durable.
// It says how many it forgot. Several processes may drain at once; none sees another's events meanwhile.
func (s *Store) DrainOutbox(ctx context.Context, limit int, publish func(context.Context, []relay.Message) (int, error)) (int, error) {
	published := 0
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		rows, err := q.TakeFromOutbox(ctx, atMost(limit))
		if err != nil || len(rows) == 0 {
			return err
		}
		messages := make([]relay.Message, len(rows))
		for i, row := range rows {
			messages[i] = relay.Message{
				Subject: relay.EventSubject(row.EventType), ID: row.DedupID, Type: row.EventType, Source: writer(row.EventType),
				Time: row.At, About: row.About, ContentType: "application/json", DedupID: row.DedupID, Body: row.Body,
			}
			if row.Trace != "" {
				messages[i].Header = map[string]string{"traceparent": row.Trace}
			}
		}
		var ids []int64
		done, publishErr := publish(ctx, messages)
		for _, row := range rows[:done] {
			ids = append(ids, row.ID)
		}
		published = len(ids)
		if err := q.DropFromOutbox(ctx, ids); err != nil {
			return err
		}
		if published == 0 {
			return publishErr
		}
		return nil
	})
	return published, wrap("drain outbox", err)
}

// OutboxSize gives how many events wait.
func (s *Store) OutboxSize(ctx context.Context) (int, error) {
	n, err := s.query.CountOutbox(ctx)
	return int(n), wrap("count outbox", err)
}

// writer is the part of edrelay that an event comes from.
func writer(eventType string) string {
	if eventType == relay.EventRosterCreated {
		return "/edrelay/roster"
	}
	return "/edrelay/enroller"
}
