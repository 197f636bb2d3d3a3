package ingress

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/services/ingress/source"
)

// door is a fixed path with the kind that it leads to.
type door struct {
	kind  source.Kind
	route source.Route
}

// doors finds the source that a request is for.
type doors struct {
	byPath  map[string]door
	kinds   map[string]source.Kind
	sources *source.Registry
}

func newDoors(kinds []source.Kind, sources *source.Registry) *doors {
	d := &doors{byPath: map[string]door{}, kinds: map[string]source.Kind{}, sources: sources}
	for _, kind := range kinds {
		d.kinds[kind.Name] = kind
		for _, route := range kind.Routes {
			d.byPath[route.Path] = door{kind: kind, route: route}
		}
	}
	return d
}

// of gives the door of a request on a fixed path, and takes the secret segment off the path.
func (d *doors) of(r *source.Request) door {
	cut := strings.LastIndexByte(r.Path, '/')
	if before, ok := d.byPath[r.Path[:max(cut, 0)]]; ok && before.route.Secret && cut+1 < len(r.Path) {
		r.Path, r.Secret = r.Path[:cut], r.Path[cut+1:]
		return before
	}
	return d.byPath[r.Path]
}

func (d *doors) paths() []string { return slices.Sorted(maps.Keys(d.byPath)) }

// candidates gives the sources that a request on a shared path may be of: the one that its key names, or all of
// the kind where nothing names it. The error is a *source.Refusal.
func (d *doors) candidates(kind source.Kind, r *source.Request) ([]source.Source, error) {
	all := d.sources.OfKind(kind.Name)
	if len(all) == 0 {
		return nil, &source.Refusal{Status: 404, Reason: "unconfigured", Message: "No source of this kind is configured."}
	}
	if kind.Key == nil {
		return all, nil
	}
	key, err := kind.Key(r)
	if err != nil {
		return nil, err
	}
	if found := d.sources.Keyed(kind.Name, key); found != nil {
		return []source.Source{found}, nil
	}
	return nil, source.Refuse(403, "shop", "no source is configured for this sender")
}

// verify finds the source whose request it is: the one that the path names, or the candidate that it is proved by.
// With an error the source is the one that refused, nil when none is known.
func (d *doors) verify(ctx context.Context, kind source.Kind, named source.Source, r *source.Request) (source.Source, error) {
	if named != nil {
		return named, named.Verify(ctx, r)
	}
	candidates, err := d.candidates(kind, r)
	if err != nil {
		return nil, err
	}
	for _, each := range candidates {
		if err = each.Verify(ctx, r); err == nil || len(candidates) == 1 {
			return each, err
		}
	}
	return nil, err
}
