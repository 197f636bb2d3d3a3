package assembly

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/replay"
)

// replays makes what operators order replays with.
func (g *Ground) replays() (*replay.Office, error) {
	office := &replay.Office{Ledger: g.Store, Log: g.Bus, Subscribers: sealed{}, Logger: g.Log.With("service", "console")}
	if g.Keys == nil && !g.embedded && g.Config.EncryptionKey == "" {
		return office, nil
	}
	keys, err := g.keys()
	if err == nil {
		office.Subscribers = g.Store.Subscriptions(keys)
	}
	return office, err
}

// sealed stands for subscriptions that can't be read, because this console has no key for what the ledger seals.
type sealed struct{}

// Subscriber says why it gives none.
func (sealed) Subscriber(context.Context, string) (relay.Subscriber, error) {
	return relay.Subscriber{}, &relay.Error{
		Code: relay.CodeUnavailable, Message: "this console can't read subscriptions", Hint: "set encryption_key to the notifier's",
	}
}

// withReplays has a worker of replays run beside a service: of webhooks beside the enroller, of events beside the
// notifier. What both write is counted for the charts.
func (g *Ground) withReplays(service Runner, process replay.Enroller, events bool) (Runner, error) {
	options := replay.Options{Ledger: g.Store, Log: g.Bus, Logger: g.Log.With("service", "replay"), Tracer: g.Tracer, Live: g.live}
	target := "subscriptions"
	if process != nil {
		target = relay.ReplayEnroller
	}
	options.Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"target": target}, g.Metrics)
	if process != nil {
		options.Enroller = process
	}
	if events {
		keys, err := g.keys()
		if err != nil {
			return nil, err
		}
		options.Subscribers = g.Store.Subscriptions(keys)
	}
	worker, err := replay.NewWorker(options)
	if err != nil {
		return nil, err
	}
	return pair{pair{service, worker}, counter{g.Store, g.Log.With("service", "figures")}}, nil
}

// again is the enroller as replays use it.
type again struct {
	*enroller.Service
	retrier    enroller.Retrier
	reverifier enroller.Reverifier
}

// Retry makes enrolments due now.
func (a again) Retry(ctx context.Context, ids []int64, mail bool) (int, error) {
	return a.retrier.RetryThese(ctx, ids, mail)
}

// Reverify verifies rejected webhooks again.
func (a again) Reverify(ctx context.Context, batch []relay.Received) (int, error) {
	return a.reverifier.ReverifyThese(ctx, batch)
}

// pair runs two things as one; when one ends, so does the other.
type pair struct{ first, second Runner }

// Run runs both until both have ended and gives the first error.
func (p pair) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	for _, one := range []Runner{p.first, p.second} {
		go func() { ended <- one.Run(ctx) }()
	}
	err := <-ended
	cancel()
	if other := <-ended; err == nil {
		err = other
	}
	return err
}
