package assembly

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/services/notifier"
)

const (
	flushEvery = 5 * time.Second
	noteEvery  = time.Minute
	flowKept   = 8 * 24 * time.Hour
)

// counter brings what this process counted into the ledger, for the charts of the overview.
type counter struct {
	store *store.Store
	log   *slog.Logger
}

// Run flushes until ctx is done, and once more then.
func (c counter) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			_ = c.store.FlushFlow(last) // charts may miss the last seconds
			return nil
		case <-tick.C:
			if err := c.store.FlushFlow(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("counts for charts not written; tried again", "error", err)
			}
		}
	}
}

// gauge notes how much waits, once a minute.
type gauge struct {
	store *store.Store
	bus   *bus.Bus
	log   *slog.Logger
}

// Run notes until ctx is done.
func (g gauge) Run(ctx context.Context) error {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	for {
		if err := g.note(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("backlog not noted; tried again in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (g gauge) note(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, noteEvery/2)
	defer cancel()
	onLog := map[string]int64{"webhooks": 0, "events": 0}
	for stream, bucket := range map[string]string{relay.StreamWebhooks: "webhooks", relay.StreamEvents: "events"} {
		readers, err := g.bus.Consumers(ctx, stream)
		if err != nil {
			return err
		}
		for _, one := range readers {
			if one.Name == enrollerConsumer || strings.HasPrefix(one.Name, notifier.ConsumerPrefix) {
				onLog[bucket] += int64(one.Pending)
			}
		}
	}
	return g.store.NoteBacklog(ctx, time.Now(), onLog, flowKept)
}
