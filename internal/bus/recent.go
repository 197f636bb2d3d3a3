package bus

// recent remembers the last DedupIDs that were published, at least recentSize of them. The zero value is empty.
type recent struct {
	young, old map[string]struct{}
}

const recentSize = 16 << 10

// known remembers the id and tells whether it was remembered already.
func (r *recent) known(id string) bool {
	if _, ok := r.young[id]; ok {
		return true
	}
	_, ok := r.old[id]
	if r.young == nil || len(r.young) >= recentSize {
		r.young, r.old = make(map[string]struct{}), r.young
	}
	r.young[id] = struct{}{}
	return ok
}
