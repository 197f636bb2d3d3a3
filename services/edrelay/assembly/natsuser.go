package assembly

import (
	"path/filepath"

	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// NATSKeys is the folder of the keys that decide who may connect to NATS.
func NATSKeys(c *config.Config) string { return filepath.Join(c.DataDir, "nats-auth") }

// natsUsers gives the readers of the log; nil without keys, which is where another operator's server is used.
func (g *Ground) natsUsers() desk.NATSUsers {
	if g.authority == nil {
		return nil
	}
	options := natsauth.Options{Authority: g.authority, URL: g.Config.NATS.URL, Log: g.Log}
	if g.NATS != nil {
		options.InProcess = g.NATS
	}
	return natsauth.NewUsers(options)
}
