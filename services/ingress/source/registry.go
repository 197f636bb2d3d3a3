package source

import (
	"fmt"

	"github.com/edrelay/edrelay/internal/relay"
)

// Registry holds the configured sources. It does not change after it is made.
type Registry struct {
	all    []Source
	byName map[string]Source
	byKey  map[string]Source // kind, zero byte, key
	ofKind map[string][]Source
}

// NewRegistry takes the sources; two of one name, or two of one kind with the same key, are an error.
func NewRegistry(sources ...Source) (*Registry, error) {
	r := &Registry{byName: map[string]Source{}, byKey: map[string]Source{}, ofKind: map[string][]Source{}}
	for _, s := range sources {
		if err := r.add(s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Registry) add(s Source) error {
	if _, taken := r.byName[s.Name()]; taken {
		return fmt.Errorf("sources: name %q is there twice", s.Name())
	}
	if s.Key() != "" {
		key := s.Kind() + "\x00" + s.Key()
		if other, taken := r.byKey[key]; taken {
			return fmt.Errorf("sources: %q and %q are both %s %q", other.Name(), s.Name(), s.Kind(), s.Key())
		}
		r.byKey[key] = s
	}
	r.all = append(r.all, s)
	r.byName[s.Name()] = s
	r.ofKind[s.Kind()] = append(r.ofKind[s.Kind()], s)
	return nil
}

// All gives the sources in the order of their configuration.
func (r *Registry) All() []Source { return r.all }

// Named gives the source of that name, nil when there is none.
func (r *Registry) Named(name string) Source { return r.byName[name] }

// OfKind gives the sources of a kind.
func (r *Registry) OfKind(kind string) []Source { return r.ofKind[kind] }

// Keyed gives the source of a kind that answers to key, nil when there is none.
func (r *Registry) Keyed(kind, key string) Source { return r.byKey[kind+"\x00"+key] }

// Read interprets a webhook of the log by its source. An unknown source is a relay.ErrNotFound.
func (r *Registry) Read(m relay.Message) (relay.Order, error) {
	name := m.Header[relay.HeaderSource]
	s := r.Named(name)
	if s == nil {
		return relay.Order{}, fmt.Errorf("source %q is not configured: %w", name, relay.ErrNotFound)
	}
	return s.Read(m.Header[relay.HeaderTopic], m.Header, m.Body)
}
