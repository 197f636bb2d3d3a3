package assembly

import (
	"context"
	"log/slog"
	"time"

	"github.com/edrelay/edrelay/internal/store"
)

// upkeep makes the ledger's coming partitions and drops those past keeping, once an hour. Several processes may do it.
type upkeep struct {
	store      *store.Store
	deliveries time.Duration
	log        *slog.Logger
}

// Upkeep makes the service that looks after the ledger's partitions.
func (g *Ground) Upkeep(context.Context) (Runner, error) {
	return upkeep{store: g.Store, deliveries: g.Config.NATS.Retention.Deliveries, log: g.Log.With("service", "upkeep")}, nil
}

// Run looks after the partitions until ctx is done.
func (u upkeep) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		if changed, err := u.store.MaintainPartitions(ctx, time.Now()); err != nil && ctx.Err() == nil {
			u.log.Error("partitions not maintained; tried again in an hour", "error", err)
		} else if changed > 0 {
			u.log.Info("partitions maintained", "changed", changed)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
