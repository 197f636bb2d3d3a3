package filter

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
)

// target is an enabled filter, ready to be asked.
type target struct {
	relay.Filter
	url    *url.URL
	header http.Header
	gate   *gate
}

// chainsOf makes the targets of all classes, in the order in which they are asked. A declaration that can't be used
// is left out and said; it can't have passed Validate.
func (s *Service) chainsOf(stored []relay.StoredFilter) map[string][]*target {
	chains := map[string][]*target{}
	used := map[string]bool{}
	for _, one := range stored {
		if !one.Enabled || one.Paused {
			continue
		}
		t, err := s.target(one)
		if err != nil {
			s.opts.Log.Error("filter can't be used", "filter", one.Name, "error", err)
			continue
		}
		t.gate = s.gate(t.url)
		class := s.class(one.Filter.Filter)
		chains[class] = append(chains[class], t)
		used[gateKey(t.url)] = true
	}
	for key := range s.gates {
		if !used[key] {
			delete(s.gates, key)
		}
	}
	for _, chain := range chains {
		slices.SortStableFunc(chain, func(a, b *target) int {
			if a.Position != b.Position {
				return a.Position - b.Position
			}
			return strings.Compare(a.Name, b.Name)
		})
	}
	return chains
}

// target has no gate yet.
func (s *Service) target(stored relay.StoredFilter) (*target, error) {
	raw, err := s.opts.Sealer.Open(stored.SealedURL, sealedAbout)
	if err != nil {
		return nil, err
	}
	u, err := egress.ParseURL(string(raw))
	if err != nil {
		return nil, err
	}
	return &target{Filter: stored.Filter, url: u, header: callHeader(stored.Format)}, nil
}

// gate gives the URL's gate; s.mu must be held. Passwords and queries don't make another URL of it.
func (s *Service) gate(u *url.URL) *gate {
	key := gateKey(u)
	if s.gates[key] == nil {
		s.gates[key] = newGate()
	}
	return s.gates[key]
}

func gateKey(u *url.URL) string { return egress.Display(u) }

// class gives the class of a filter's name in any spelling.
func (s *Service) class(name string) string {
	if known, ok := s.opts.Catalogue.Filter(name); ok {
		return known.Class
	}
	return name
}

func callHeader(format relay.Format) http.Header {
	contentType := "application/json"
	if format == relay.FormatPluginForm {
		contentType = "application/x-www-form-urlencoded"
	}
	return http.Header{"Content-Type": {contentType}, "Accept": {"application/json, text/plain, */*"}}
}
