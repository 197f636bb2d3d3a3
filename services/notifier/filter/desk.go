package filter

import (
	"context"
	"encoding/json"

	"github.com/edrelay/edrelay/internal/relay"
)

// Record reads the calls that were put on record.
type Record interface {
	FilterCalls(ctx context.Context, q relay.FilterCallQuery) ([]relay.FilterCall, error)
}

// Desk is what operators see and steer of filters, in the words of the REST API: declarations come as JSON objects.
type Desk struct {
	*Declarations
	Record
	Service *Service // asks the made-up questions of tests; it need not run
}

// Filters gives all filters by class, position and name.
func (d *Desk) Filters(ctx context.Context) ([]relay.Filter, error) { return d.List(ctx) }

// Filter gives one filter; relay.ErrNotFound when there is none.
func (d *Desk) Filter(ctx context.Context, name string) (relay.Filter, error) {
	return d.Get(ctx, name)
}

// AddFilter declares a new filter.
func (d *Desk) AddFilter(ctx context.Context, declaration []byte) (relay.Filter, error) {
	f, err := Parse(declaration, Default())
	if err != nil {
		return relay.Filter{}, err
	}
	return d.Add(ctx, f)
}

// EditFilter changes what the JSON object names.
func (d *Desk) EditFilter(ctx context.Context, name string, change []byte) (relay.Filter, error) {
	return d.Edit(ctx, name, change)
}

// EnableFilter resumes or pauses a filter.
func (d *Desk) EnableFilter(ctx context.Context, name string, enabled bool) (relay.Filter, error) {
	return d.SetEnabled(ctx, name, enabled)
}

// RemoveFilter takes a filter away.
func (d *Desk) RemoveFilter(ctx context.Context, name string) error { return d.Remove(ctx, name) }

// ApplyFilters makes the declarations so, all or none.
func (d *Desk) ApplyFilters(ctx context.Context, declarations []json.RawMessage, dryRun, prune bool) ([]relay.Change, error) {
	wanted, err := ParseList(declarations)
	if err != nil {
		return nil, err
	}
	return d.Apply(ctx, wanted, ApplyOptions{DryRun: dryRun, Prune: prune})
}

// TestFilter asks one filter a made-up question.
func (d *Desk) TestFilter(ctx context.Context, name, class string) (relay.FilterTest, error) {
	return d.Service.Test(ctx, name, class)
}
