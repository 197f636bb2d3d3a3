package lmssim

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Redirect is one row of the platform's redirects: the exact path of a request (its query does not count) and where
// it leads. "/sku/a" and "/sku/a/" are two paths.
type Redirect struct {
	Path   string `json:"path"`
	Target string `json:"target"`           // sent as it stands in Location: absolute, relative, encoded or not; "" is 410
	Status int    `json:"status,omitempty"` // 301 when 0
}

func (r Redirect) reply() reply {
	if r.Target == "" {
		return empty(http.StatusGone)
	}
	return empty(r.Status).set("Location", r.Target).set("Content-Type", "text/html; charset=utf-8")
}

type redirects struct {
	mu     sync.RWMutex
	byPath map[string]Redirect
}

func (r *redirects) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byPath = map[string]Redirect{}
}

func (r *redirects) add(row Redirect) error {
	if !strings.HasPrefix(row.Path, "/") {
		return fmt.Errorf("add redirect: path %q does not begin with /", row.Path)
	}
	row.Status = cmp.Or(row.Status, http.StatusMovedPermanently)
	if row.Status < 300 || row.Status > 399 {
		return fmt.Errorf("add redirect %s: status %d is no redirect", row.Path, row.Status)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byPath[row.Path] = row
	return nil
}

func (r *redirects) remove(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, had := r.byPath[path]
	delete(r.byPath, path)
	return had
}

// find matches the path as it was sent or decoded.
func (r *redirects) find(u *url.URL) (Redirect, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if row, ok := r.byPath[u.Path]; ok {
		return row, true
	}
	row, ok := r.byPath[u.EscapedPath()]
	return row, ok
}

func (r *redirects) list() []Redirect {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]Redirect, 0, len(r.byPath))
	for _, row := range r.byPath {
		all = append(all, row)
	}
	slices.SortFunc(all, func(a, b Redirect) int { return cmp.Compare(a.Path, b.Path) })
	return all
}
