package assembly

import (
	"context"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/bridge"
)

// Bridge makes the reader of the Open edX event bus.
func (g *Ground) Bridge(context.Context) (Runner, error) {
	set := g.Config.Bridge.Redis
	if set.URL == "" {
		return nil, &relay.Error{
			Code: relay.CodeInvalid, Message: "bridge.redis.url is not set.",
			Hint: "Set it to EVENT_BUS_REDIS_CONNECTION_URL of the Open edX site, and bridge.redis.topics to the topics to read.",
		}
	}
	catalogue, err := openedx.Load()
	if err != nil {
		return nil, err
	}
	return bridge.New(bridge.Options{
		RedisURL: set.URL, Prefix: set.Prefix, Topics: set.Topics, Group: set.Group, Publish: g.log(), Catalogue: catalogue,
		Drain: g.drain(),
		Log:   g.Log.With("service", "bridge"), Metrics: g.Metrics, Tracer: g.Tracer,
	})
}
