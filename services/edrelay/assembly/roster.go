package assembly

import (
	"context"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/ingress/roster"
)

// KeepsRoster tells whether the configuration has a source that is answered from the roster; without one nothing of
// people is kept.
func KeepsRoster(c *config.Config) bool {
	for _, declared := range c.Sources {
		if declared.Kind == "enrollment" {
			return true
		}
	}
	return false
}

// Roster makes the service that keeps the record of people and course runs.
func (g *Ground) Roster(ctx context.Context) (Runner, error) {
	events, err := g.Bus.Consumer(ctx, bus.ConsumerConfig{Stream: relay.StreamEvents, Durable: "roster", Subjects: roster.Subjects()})
	if err != nil {
		return nil, err
	}
	g.onClose(events.Stop)
	return roster.New(roster.Options{Ledger: g.Store, Events: events, Publisher: g.Bus, Log: g.Log.With("service", "roster")})
}

// Door makes the public door with all that belongs to it.
func (g *Ground) Door(ctx context.Context) (Runner, error) {
	door, err := g.Ingress(ctx)
	if err != nil || !KeepsRoster(g.Config) {
		return door, err
	}
	record, err := g.Roster(ctx)
	return Together{{"ingress", door}, {"roster", record}}, err
}
