package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// LedgerStanding tells what waits in the ledger.
func (s *Store) LedgerStanding(ctx context.Context) (relay.LedgerStanding, error) {
	var standing relay.LedgerStanding
	oldest, err := s.query.OldestWaiting(ctx)
	if err != nil {
		return standing, wrap("look for the oldest waiting enrollment", err)
	}
	outbox, err := s.query.OutboxStanding(ctx)
	if err != nil {
		return standing, wrap("count outbox", err)
	}
	retries, err := s.query.RetriesStanding(ctx)
	if err != nil {
		return standing, wrap("count retries", err)
	}
	parked, err := s.query.CountParkedDeliveries(ctx)
	if err != nil {
		return standing, wrap("count parked deliveries", err)
	}
	webhooks, err := s.CountParkedWebhooks(ctx)
	if err != nil {
		return standing, err
	}
	replays, err := s.query.CountReplaysUnderWay(ctx)
	if err != nil {
		return standing, wrap("count replays", err)
	}
	standing.OldestWaiting, standing.Outbox, standing.OldestOutbox = given(oldest), int(outbox.Waiting), given(outbox.Oldest)
	standing.ParkedDeliveries, standing.ParkedWebhooks = int(parked), webhooks
	for _, row := range retries {
		standing.Retries = append(standing.Retries, relay.RetryStanding{Subscription: row.Name, Waiting: int(row.Waiting), Next: given(row.Next)})
	}
	for _, row := range replays {
		if row.State == string(relay.ReplayRunning) {
			standing.RunningReplays = int(row.Replays)
		} else {
			standing.PausedReplays = int(row.Replays)
		}
	}
	return standing, nil
}

// Connections tells how busy this process's connections are.
func (s *Store) Connections() relay.PoolStanding {
	pool := s.pool.Stat()
	return relay.PoolStanding{
		Open: int(pool.TotalConns()), InUse: int(pool.AcquiredConns()), Most: int(pool.MaxConns()),
		Waits: pool.EmptyAcquireCount(), Waiting: pool.AcquireDuration(),
	}
}

// given turns the epoch, which stands for no time, into the zero time.
func given(at time.Time) time.Time {
	if at.Unix() == 0 {
		return time.Time{}
	}
	return at
}
