package assembly

import (
	"context"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// reverifier judges what was rejected again: webhooks by the sources as they are configured now, entries of the event
// bus by the catalogue as it is now.
func (g *Ground) reverifier(sources *source.Registry) (enroller.Reverifier, error) {
	catalogue, err := openedx.Load()
	if err != nil {
		return enroller.Reverifier{}, err
	}
	return enroller.Reverifier{Log: g.Bus, Logger: g.Log, Verify: func(ctx context.Context, m relay.Received) (relay.Message, error) {
		if openedx.Parked(m.Message) {
			return catalogue.Unpark(m.Message)
		}
		return ingress.Verify(ctx, sources, m.Message)
	}}, nil
}
