package filter

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
)

// Declarations is what operators do with filters.
type Declarations struct {
	Ledger    Ledger
	Sealer    Sealer
	Catalogue *openedx.Catalogue

	// Changed puts a change in force in this process; Service.Refresh where the service runs here. May be nil. That other
	// processes have it too is waited for.
	Changed func(context.Context) error
}

// ApplyOptions says how a list of declarations is applied.
type ApplyOptions struct {
	DryRun bool // only say what would change
	Prune  bool // remove what is not in the list
}

// List gives all filters by class, position and name; URLs are masked.
func (d *Declarations) List(ctx context.Context) ([]relay.Filter, error) {
	all, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i] = Mask(all[i])
	}
	return all, nil
}

// Get gives one filter, its URL masked; relay.ErrNotFound when there is none.
func (d *Declarations) Get(ctx context.Context, name string) (relay.Filter, error) {
	f, err := d.find(ctx, name)
	return Mask(f), err
}

// Add declares a new filter; relay.CodeConflict when the name is taken.
func (d *Declarations) Add(ctx context.Context, f relay.Filter) (relay.Filter, error) {
	all, err := d.read(ctx)
	if err != nil {
		return relay.Filter{}, err
	}
	if slices.ContainsFunc(all, func(other relay.Filter) bool { return other.Name == f.Name }) {
		return relay.Filter{}, &relay.Error{
			Code: relay.CodeConflict, Message: fmt.Sprintf("There is a filter %q already.", f.Name),
			Hint: "`edrelay filter edit` changes it, `edrelay filter apply` makes it so whether it is there or not",
		}
	}
	return d.put(ctx, f)
}

// Edit changes what the JSON object names of a filter, and keeps the rest; the name stays.
func (d *Declarations) Edit(ctx context.Context, name string, change []byte) (relay.Filter, error) {
	before, err := d.find(ctx, name)
	if err != nil {
		return relay.Filter{}, err
	}
	after, err := Parse(change, before)
	if err != nil {
		return relay.Filter{}, err
	}
	if after.Name != name {
		return relay.Filter{}, relay.Errorf(relay.CodeInvalid, "filter %q: the name can't be changed", name)
	}
	return d.put(ctx, keepURL(after, before))
}

// SetEnabled resumes or pauses a filter. A pause outlives what is declared.
func (d *Declarations) SetEnabled(ctx context.Context, name string, enabled bool) (relay.Filter, error) {
	f, err := d.find(ctx, name)
	if err != nil {
		return relay.Filter{}, err
	}
	f.Paused, f.Enabled = !enabled, f.Enabled || enabled
	return d.put(ctx, f)
}

// Remove takes a filter away; relay.ErrNotFound when there is none.
func (d *Declarations) Remove(ctx context.Context, name string) error {
	if _, err := d.find(ctx, name); err != nil {
		return err
	}
	return d.change(ctx, nil, []string{name})
}

// Apply makes the declarations so, all or none, and says what changed or would change, by name.
func (d *Declarations) Apply(ctx context.Context, wanted []relay.Filter, o ApplyOptions) ([]relay.Change, error) {
	all, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	changes, put, err := d.plan(all, wanted)
	if err != nil {
		return nil, err
	}
	var remove []string
	for _, f := range all {
		if o.Prune && !slices.ContainsFunc(wanted, func(w relay.Filter) bool { return w.Name == f.Name }) {
			remove = append(remove, f.Name)
			changes = append(changes, relay.Change{Name: f.Name, Action: "removed"})
		}
	}
	if o.DryRun || len(put)+len(remove) == 0 {
		return changes, nil
	}
	return changes, d.change(ctx, put, remove)
}

// plan compares what is wanted with what there is.
func (d *Declarations) plan(all, wanted []relay.Filter) (changes []relay.Change, put []relay.Filter, err error) {
	there := map[string]relay.Filter{}
	for _, f := range all {
		there[f.Name] = f
	}
	seen := map[string]bool{}
	for _, f := range wanted {
		before, exists := there[f.Name]
		f.Paused = before.Paused
		f = d.normal(keepURL(f, before))
		if err := Validate(d.Catalogue, f); err != nil {
			return nil, nil, err
		}
		if seen[f.Name] {
			return nil, nil, relay.Errorf(relay.CodeInvalid, "filter %q is there twice", f.Name)
		}
		seen[f.Name] = true
		if !exists {
			before = d.normal(Default())
		}
		change := relay.Change{Name: f.Name, Action: "added", Diff: differing(before, f)}
		for _, one := range change.Diff {
			change.Fields = append(change.Fields, one.Key)
		}
		switch {
		case exists && len(change.Diff) == 0:
			change.Action = "unchanged"
		case exists:
			change.Action = "changed"
		}
		changes = append(changes, change)
		if change.Action != "unchanged" {
			put = append(put, f)
		}
	}
	return changes, put, nil
}

// differing gives the declared keys, but the name, in which two filters differ, with their values as they may be shown.
func differing(a, b relay.Filter) []relay.Diff {
	var diff []relay.Diff
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	shownX, shownY := reflect.ValueOf(Mask(a)), reflect.ValueOf(Mask(b))
	for i := range x.NumField() {
		switch key := x.Type().Field(i).Tag.Get("json"); {
		case key == "-" || key == "name" || key == "state":
		case !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()):
			diff = append(diff, relay.Diff{Key: key, Old: fmt.Sprint(shownX.Field(i)), New: fmt.Sprint(shownY.Field(i))})
		}
	}
	return diff
}

// normal makes equal declarations equal: one spelling of the class, an empty list for none.
func (d *Declarations) normal(f relay.Filter) relay.Filter {
	if class, ok := d.Catalogue.Filter(f.Filter); ok {
		f.Filter = class.Class
	}
	if f.Allow == nil {
		f.Allow = []string{}
	}
	f.State = relay.FilterPaused
	if f.Enabled && !f.Paused {
		f.State = relay.FilterActive
	}
	return f
}

// keepURL keeps the password that a masked URL stands for.
func keepURL(f, before relay.Filter) relay.Filter {
	if before.URL != "" && f.URL == maskURL(before.URL) {
		f.URL = before.URL
	}
	return f
}

func (d *Declarations) put(ctx context.Context, f relay.Filter) (relay.Filter, error) {
	f = d.normal(f)
	if err := Validate(d.Catalogue, f); err != nil {
		return relay.Filter{}, err
	}
	return Mask(f), d.change(ctx, []relay.Filter{f}, nil)
}

func (d *Declarations) change(ctx context.Context, put []relay.Filter, remove []string) error {
	stored := make([]relay.StoredFilter, 0, len(put))
	for _, f := range put {
		sealed := d.Sealer.Seal([]byte(f.URL), sealedAbout)
		f.URL = ""
		stored = append(stored, relay.StoredFilter{Filter: f, SealedURL: sealed})
	}
	version, err := d.Ledger.ChangeFilters(ctx, stored, remove)
	if err != nil {
		return fmt.Errorf("change filters: %w", err)
	}
	if d.Changed != nil {
		if err := d.Changed(ctx); err != nil {
			return err
		}
	}
	return d.inForce(ctx, version)
}

func (d *Declarations) find(ctx context.Context, name string) (relay.Filter, error) {
	all, err := d.read(ctx)
	if err != nil {
		return relay.Filter{}, err
	}
	for _, f := range all {
		if f.Name == name {
			return f, nil
		}
	}
	return relay.Filter{}, fmt.Errorf("filter %q: %w", name, relay.ErrNotFound)
}

func (d *Declarations) read(ctx context.Context) ([]relay.Filter, error) {
	stored, err := d.Ledger.Filters(ctx)
	if err != nil {
		return nil, fmt.Errorf("read filters: %w", err)
	}
	all := make([]relay.Filter, 0, len(stored))
	for _, one := range stored {
		raw, err := d.Sealer.Open(one.SealedURL, sealedAbout)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", one.Name, err)
		}
		f := one.Filter
		f.URL = string(raw)
		all = append(all, d.normal(f))
	}
	slices.SortFunc(all, func(a, b relay.Filter) int {
		if a.Filter != b.Filter {
			return strings.Compare(a.Filter, b.Filter)
		}
		if a.Position != b.Position {
			return a.Position - b.Position
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}
