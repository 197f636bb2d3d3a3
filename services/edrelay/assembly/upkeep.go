package assembly

import (
	"context"
	"log/slog"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
)

// upkeep makes the ledger's coming partitions and drops those past keeping, once an hour, by the ledger's clock. It looks
// after that clock, and whether the log still ends where it did. Several processes may do it.
type upkeep struct {
	store      *store.Store
	bus        *bus.Bus
	deliveries time.Duration // how long deliveries and their attempts are kept
	log        *slog.Logger
}

const (
	partitionsEvery = time.Hour
	lookEvery       = 2 * time.Second
)

// Upkeep makes the service that looks after the ledger's partitions and its clock.
func (g *Ground) Upkeep(context.Context) (Runner, error) {
	log := g.Log.With("service", "upkeep")
	return pair{upkeep{store: g.Store, bus: g.Bus, deliveries: g.Config.NATS.Retention.Deliveries, log: log}, gauge{g.Store, g.Bus, log}}, nil
}

// Run looks after the ledger until ctx is done.
func (u upkeep) Run(ctx context.Context) error {
	hour, soon := time.NewTicker(partitionsEvery), time.NewTicker(lookEvery)
	defer hour.Stop()
	defer soon.Stop()
	u.maintain(ctx)
	u.markLog(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hour.C:
			u.maintain(ctx)
		case <-soon.C:
			u.mendClock(ctx)
			u.markLog(ctx)
		}
	}
}

func (u upkeep) maintain(ctx context.Context) {
	changed, err := u.partitions(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		u.log.Error("partitions not maintained; tried again in an hour", "error", err)
	case changed > 0:
		u.log.Info("partitions maintained", "changed", changed)
	}
	if _, err := u.store.ForgetKeys(ctx); err != nil && ctx.Err() == nil {
		u.log.Error("idempotency keys not forgotten; tried again in an hour", "error", err)
	}
}

func (u upkeep) partitions(ctx context.Context) (changed int, err error) {
	for _, table := range []string{"deliveries", "delivery_attempts"} {
		if err := u.store.KeepTable(ctx, table, u.deliveries); err != nil {
			return 0, err
		}
	}
	return u.store.MaintainPartitions(ctx, u.store.Now())
}

// mendClock has what waits not wait longer when Postgres' clock went back. While the ledger is away others say so.
func (u upkeep) mendClock(ctx context.Context) {
	if back, err := u.store.MendClock(ctx); err == nil && back > 0 {
		u.log.Warn("the clock of Postgres went back; what waits was moved with it", "by", back.Round(time.Second).String())
	}
}

// markLog notes how far the streams have come, and says so when one ends before it did. While log or ledger are away
// others say so.
func (u upkeep) markLog(ctx context.Context) {
	for _, name := range streams {
		noted, err := u.store.LogMark(ctx, name)
		if err != nil && relay.CodeOf(err) != relay.CodeNotFound {
			continue
		}
		info, err := u.stream(ctx, name, noted)
		if err != nil {
			continue
		}
		loss, err := u.store.MarkLog(ctx, name, noted, info.Last, info.LastAt)
		if err == nil && loss != nil {
			u.log.Error("the log has lost the end of a stream", "stream", name, "first", loss.First, "last", loss.Last,
				"after", loss.Since, "before", loss.Until, "unworked", loss.Unworked, "hint", "edrelay audit says what to do")
		}
	}
}

// catchUp is how long a server of a cluster that has become the leader of a stream may take to know all of it.
const catchUp = 10 * time.Second

// stream asks how a stream stands. In a cluster a stream that seems to end too early is asked again for a while.
func (u upkeep) stream(ctx context.Context, name string, noted uint64) (bus.StreamInfo, error) {
	info, err := u.bus.Stream(ctx, name)
	for until := time.Now().Add(catchUp); err == nil && info.Replicas > 1 && info.Last < noted && time.Now().Before(until); {
		select {
		case <-ctx.Done():
			return info, ctx.Err()
		case <-time.After(lookEvery):
		}
		info, err = u.bus.Stream(ctx, name)
	}
	return info, err
}
