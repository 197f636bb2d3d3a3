package assembly

import (
	"context"
	"fmt"
	"sync"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/edrelay/edrelay/services/notifier/filter"
)

// filtering is the one filter service of a process, made when it is first asked for.
type filtering struct {
	once    sync.Once
	service *filter.Service
	desk    *filter.Desk
	err     error
	runs    bool // in this process
}

// Filters makes the service that asks filters.
func (g *Ground) Filters(context.Context) (Runner, error) {
	made, _, err := g.filters()
	g.filtering.runs = err == nil
	return made, err
}

// filterDesk gives what operators do with filters; nil where a console alone has no key for what the ledger seals.
func (g *Ground) filterDesk() (desk.Filters, error) {
	if g.Keys == nil && !g.embedded && g.Config.EncryptionKey == "" {
		g.Log.Warn("filters are not shown: encryption_key is not set")
		return nil, nil
	}
	_, made, err := g.filters()
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (g *Ground) filters() (*filter.Service, *filter.Desk, error) {
	g.filtering.once.Do(func() { g.filtering.err = g.makeFilters() })
	return g.filtering.service, g.filtering.desk, g.filtering.err
}

func (g *Ground) makeFilters() error {
	if g.Keys == nil {
		if err := g.openKeys(g.embedded); err != nil {
			return err
		}
	}
	catalogue, err := openedx.Load()
	if err != nil {
		return err
	}
	caller, err := g.Egress()
	if err != nil {
		return err
	}
	service, err := filter.New(filter.Options{
		Ledger: g.Store, Bus: g.Bus, Caller: caller, Sealer: g.Keys, Catalogue: catalogue,
		Log: g.Log.With("service", "filters"), Metrics: g.Metrics, Tracer: g.Tracer,
	})
	if err != nil {
		return err
	}
	g.filtering.service = service
	g.filtering.desk = &filter.Desk{
		Declarations: &filter.Declarations{Ledger: g.Store, Sealer: g.Keys, Catalogue: catalogue, Changed: g.filtersChanged},
		Record:       g.Store, Service: service,
	}
	return nil
}

// filtersChanged puts a change in force in this process.
func (g *Ground) filtersChanged(ctx context.Context) error {
	if g.filtering.runs {
		return g.filtering.service.Refresh(ctx)
	}
	return nil
}

// Egress makes the client of outgoing calls.
func (g *Ground) Egress() (*egress.Client, error) {
	set := g.Config.Notifier
	networks, err := egress.ParseNetworks(set.AllowNetworks)
	if err != nil {
		return nil, fmt.Errorf("notifier.allow_networks: %w", err)
	}
	options := egress.Options{AllowNetworks: networks, UserAgent: set.UserAgent}
	if set.Proxy != "" {
		if options.Proxy, err = egress.ParseURL(set.Proxy); err != nil {
			return nil, fmt.Errorf("notifier.proxy: %w", err)
		}
	}
	client, err := egress.New(options)
	if err == nil {
		g.onClose(client.CloseIdle)
	}
	return client, err
}
