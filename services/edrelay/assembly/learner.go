package assembly

import (
	"context"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/learner"
)

// learners makes what finds a learner in log and ledger and forgets them.
func (g *Ground) learners() (*learner.Office, error) {
	options := learner.Options{
		Ledger: g.Store, Log: g.Bus, Orders: enroller.Forgetter{Ledger: g.Store}, Logger: g.Log.With("service", "console"),
		Place: learner.Place{LMS: g.Config.LMS.URL, Bus: g.Config.Bridge.Redis.URL != "", Replicas: g.Config.NATS.Replicas},
	}
	if g.authority != nil {
		options.Mirrors = g.mirrors
	}
	if g.registry == nil { // this console can't read subscriptions
		return learner.New(options), nil
	}
	keys, err := g.keys()
	if err == nil {
		options.Subscribers = g.Store.Subscriptions(keys).Subscribers
	}
	return learner.New(options), err
}

// mirrors opens the copies of events that NATS users read from.
func (g *Ground) mirrors(ctx context.Context) ([]learner.Mirror, error) {
	users := natsauth.NewUsers(natsauth.Options{Authority: g.authority, Log: g.Log})
	copies, err := users.Copies(ctx)
	if err != nil {
		return nil, err
	}
	var mirrors []learner.Mirror
	for _, one := range copies {
		settings := bus.Config{URL: g.Config.NATS.URL, Credentials: one.Credentials, Name: "edrelay erasure", Logger: g.Log}
		if g.NATS != nil {
			settings.InProcess = g.NATS
		}
		opened, err := bus.Connect(ctx, settings)
		if err != nil {
			for _, mirror := range mirrors {
				mirror.Close()
			}
			return nil, &relay.Error{Code: relay.CodeUnavailable, Message: "the mirror of NATS user " + one.Reader + " can't be opened",
				Hint: "edrelay doctor tests the NATS server; a user that is not needed any more is revoked with edrelay nats-user revoke.", Err: err}
		}
		mirrors = append(mirrors, learner.Mirror{Reader: one.Reader, Feed: one.Feed, Log: opened, Close: opened.Close})
	}
	return mirrors, nil
}
