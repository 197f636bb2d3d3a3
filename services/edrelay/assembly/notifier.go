package assembly

import (
	"context"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/services/notifier"
)

// Notifier makes the service that delivers events to subscriptions.
func (g *Ground) Notifier(context.Context) (Runner, error) {
	client, err := g.Egress()
	if err != nil {
		return nil, err
	}
	catalogue, err := openedx.Load()
	if err != nil {
		return nil, err
	}
	keys, err := g.keys()
	if err != nil {
		return nil, err
	}
	return notifier.New(notifier.Options{
		Log: g.Bus, Ledger: g.Store.Subscriptions(keys), Client: client, Encoder: catalogue,
		Logger: g.Log.With("service", "notifier"), Metrics: g.Metrics,
	})
}

// Subscriptions makes what operators steer subscriptions with.
func (g *Ground) Subscriptions() (*notifier.Registry, error) {
	client, err := g.Egress()
	if err != nil {
		return nil, err
	}
	catalogue, err := openedx.Load()
	if err != nil {
		return nil, err
	}
	keys, err := g.keys()
	if err != nil {
		return nil, err
	}
	return notifier.NewRegistry(notifier.RegistryOptions{
		Ledger: g.Store.Subscriptions(keys), Log: g.Bus, Client: client, Encoder: catalogue, Sampler: catalogue,
		Logger: g.Log.With("service", "console"),
	}), nil
}
