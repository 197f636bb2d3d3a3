package assembly

import (
	"context"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/services/console/desk"
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
	service, err := notifier.New(notifier.Options{
		Log: g.Bus, Ledger: g.Store.Subscriptions(keys), Client: client, Encoder: catalogue, Drain: g.drain(),
		Logger: g.Log.With("service", "notifier"), Metrics: g.Metrics, Tracer: g.Tracer, Now: g.Store.Now,
		Live: g.live,
	})
	if err != nil {
		return nil, err
	}
	return g.withReplays(service, nil, true)
}

// subscriptionDesk gives what operators do with subscriptions and deliveries; nothing where a console alone has no key
// for what the ledger seals.
func (g *Ground) subscriptionDesk() (desk.Ports, error) {
	if g.Keys == nil && !g.embedded && g.Config.EncryptionKey == "" {
		g.Log.Warn("subscriptions are not shown: encryption_key is not set")
		return desk.Ports{}, nil
	}
	client, err := g.Egress()
	if err != nil {
		return desk.Ports{}, err
	}
	catalogue, err := openedx.Load()
	if err != nil {
		return desk.Ports{}, err
	}
	keys, err := g.keys()
	if err != nil {
		return desk.Ports{}, err
	}
	registry := notifier.NewRegistry(notifier.RegistryOptions{
		Ledger: g.Store.Subscriptions(keys), Log: g.Bus, Client: client, Encoder: catalogue, Sampler: catalogue,
		Logger: g.Log.With("service", "console"), Now: g.Store.Now,
	})
	g.registry = registry
	return desk.Ports{Subscriptions: registry, Deliveries: registry}, nil
}
