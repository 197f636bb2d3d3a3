package assembly

import (
	"context"
	"net/url"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Console makes the operators' listener; token is the admin token.
func (g *Ground) Console(_ context.Context, token string) (Runner, error) {
	sources, err := Sources(g.Config, source.Ports{})
	if err != nil {
		return nil, err
	}
	listener, err := listen("admin.addr", g.Config.Admin.Addr)
	if err != nil {
		return nil, err
	}
	events, err := g.asyncAPI()
	if err != nil {
		return nil, err
	}
	filters, err := g.filterDesk()
	if err != nil {
		return nil, err
	}
	sync, err := g.rosterSync()
	if err != nil {
		return nil, err
	}
	reverify, err := g.reverifier(sources)
	if err != nil {
		return nil, err
	}
	subscriptions, err := g.subscriptionDesk()
	if err != nil {
		return nil, err
	}
	replays, err := g.replays()
	if err != nil {
		return nil, err
	}
	learners, err := g.learners()
	if err != nil {
		return nil, err
	}
	return console.New(console.Options{
		AsyncAPI: events,
		Listener: listener, Token: token, Version: g.Version, Log: g.Log.With("service", "console"), Metrics: g.Metrics,
		Checks: g.checks(), Now: g.Store.Now, LameDuck: g.Config.Shutdown.LameDuck, Drain: g.drain(),
		Ports: console.Ports{
			Webhooks: g.Store, Enrollments: g.Store, Sources: senders{sources, g.doorURL()}, Log: g.Bus, Figures: g.Store, Keys: g.Store, Audit: g.Store, Idempotency: g.Store,
			NATSUsers: g.natsUsers(), Filters: filters, Subscriptions: subscriptions.Subscriptions, Deliveries: subscriptions.Deliveries,
			Retry: enroller.Retrier{Ledger: g.Store, Now: g.Store.Now}, Reconcile: reconciler{g}, Replays: replays, Publish: g.plainLog(),
			Alarms: g.alarms(), Tokens: g.Store, Roster: g.Store, SyncRoster: sync, Reverify: reverify, Learners: learners, Erased: g.Store,
		},
	})
}

// asyncAPI describes the events for subscribers of NATS. It names the server's host and never a password.
func (g *Ground) asyncAPI() ([]byte, error) {
	catalogue, err := openedx.Load()
	if err != nil {
		return nil, err
	}
	host := g.Config.NATS.Embedded.Addr
	if at, err := url.Parse(g.Config.NATS.URL); err == nil && at.Host != "" {
		host = at.Host
	}
	return catalogue.AsyncAPI(host, g.Version)
}

// The conditions without which nothing can be taken in.
const (
	checkLog     = "nats"
	checkServing = "serving"
)

// serving fails once the process is about to end.
func (g *Ground) serving(context.Context) error {
	if g.ending.Load() {
		return relay.Errorf(relay.CodeUnavailable, "edrelay is ending")
	}
	return nil
}

// checks are the conditions of readiness.
func (g *Ground) checks() []console.Check {
	checks := []console.Check{{Name: checkServing, Test: g.serving}, {Name: checkLog, Test: g.Bus.Check}}
	if g.watch != nil {
		checks = append(checks, console.Check{Name: "alarms", Test: g.watch.Test, Advice: true})
	}
	if g.Store != nil {
		checks = append(checks, console.Check{Name: "postgres", Test: g.Store.Ping}, console.Check{Name: "schema", Test: g.Store.CheckMigrated})
	}
	return checks
}
