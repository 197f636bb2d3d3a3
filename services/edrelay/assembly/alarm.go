package assembly

import (
	"context"
	"path/filepath"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/edrelay/edrelay/services/edrelay/alarm"
)

// streams are those of the log.
var streams = []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents}

// Alarms makes the watch over disk, log and clocks. Make it before the console, which shows what it finds.
func (g *Ground) Alarms(context.Context) (Runner, error) {
	g.watch = alarm.New(alarm.Options{
		Read: g.read, Limits: g.Config.Alarm, Log: g.Log.With("service", "alarms"), Metrics: g.Metrics,
	})
	return g.watch, nil
}

// read takes a reading; what does not answer is left out, for /readyz says that already.
func (g *Ground) read(ctx context.Context) alarm.Reading {
	r := alarm.Reading{}
	r.Dir, r.Free, r.Size, _ = alarm.Tightest(alarm.Dirs(g.Config.DataDir))
	if g.NATS != nil {
		r.Unwritable = alarm.Writable(filepath.Join(g.Config.DataDir, "nats"))
	}
	r.Postgres, _ = g.Store.Skew(ctx)
	r.Storage, _ = g.Bus.Storage(ctx)
	r.Losses, _ = g.Store.LogLosses(ctx, g.Store.Now().Add(-alarm.LossTold))
	for _, name := range streams {
		if info, err := g.Bus.Stream(ctx, name); err == nil {
			r.Streams, r.NATS = append(r.Streams, info), info.Ahead
		}
	}
	if enroller, err := g.Bus.ConsumerInfo(ctx, relay.StreamWebhooks, enrollerConsumer); err == nil {
		r.Unworked = enroller.Pending
	}
	return r
}

// alarms is what the console shows; nil where nothing is watched.
func (g *Ground) alarms() desk.Alarms {
	if g.watch == nil {
		return nil
	}
	return g.watch
}
