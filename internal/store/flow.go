package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// flow counts what this process wrote to the ledger, for charts, until FlushFlow adds it to what others counted.
type flow struct {
	mu     sync.Mutex
	counts map[flowKey]int64
}

type flowKey struct {
	at           time.Time
	kind, bucket string
}

func (f *flow) add(counts map[flowKey]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[flowKey]int64{}
	}
	for key, n := range counts {
		f.counts[key] += n
	}
}

// take gives what was counted and begins anew.
func (f *flow) take() map[flowKey]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := f.counts
	f.counts = nil
	return counts
}

func (f *flow) deliveries(outcomes []*relay.Outcome) {
	counts := map[flowKey]int64{}
	for _, o := range outcomes {
		at := o.Attempt.At.UTC().Truncate(relay.FlowStep)
		counts[flowKey{at, relay.FlowDeliveries, string(o.State)}]++
		if o.State == relay.DeliveryDelivered && o.Attempt.Number == 1 && o.Attempt.Replay == "" {
			took := o.Attempt.At.Sub(o.StoredAt) + time.Duration(o.Attempt.DurationMS*float64(time.Millisecond))
			counts[flowKey{at, relay.FlowDeliveryMS, bound(took)}]++
		}
	}
	f.add(counts)
}

// bound gives the least power of two of milliseconds that holds a time.
func bound(took time.Duration) string {
	top := int64(1)
	for time.Duration(top)*time.Millisecond < took && top < 1<<32 {
		top *= 2
	}
	return strconv.FormatInt(top, 10)
}

func (f *flow) answers(attempts []relay.Attempt) {
	counts := map[flowKey]int64{}
	for _, a := range attempts {
		bucket := "failed"
		if a.Status >= 200 && a.Status < 300 {
			bucket = "ok"
		}
		counts[flowKey{a.At.UTC().Truncate(relay.FlowStep), relay.FlowLMS, bucket}]++
	}
	f.add(counts)
}

// FlushFlow adds what this process counted since the last time to the ledger; when that fails it is kept for the next.
func (s *Store) FlushFlow(ctx context.Context) error {
	counts := s.flow.take()
	if len(counts) == 0 {
		return nil
	}
	rows := make([]pgdb.AddFlowParams, 0, len(counts))
	for key, n := range counts {
		rows = append(rows, pgdb.AddFlowParams{At: key.at, Kind: key.kind, Bucket: key.bucket, Rows: n})
	}
	sortFlow(rows)
	err := s.inTx(ctx, func(q *pgdb.Queries) error { return firstError(q.AddFlow(ctx, rows)) })
	if err != nil {
		s.flow.add(counts)
	}
	return wrap("count over time", err)
}

// sortFlow keeps processes that count at once from waiting for each other in a circle.
func sortFlow(rows []pgdb.AddFlowParams) {
	slices.SortFunc(rows, func(a, b pgdb.AddFlowParams) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.At.Compare(b.At), cmp.Compare(a.Bucket, b.Bucket))
	})
}

// NoteBacklog notes how much waits now, beside what only the log knows; the most of each five minutes is kept. What is
// older than keep is forgotten.
func (s *Store) NoteBacklog(ctx context.Context, now time.Time, onLog map[string]int64, keep time.Duration) error {
	waiting, err := s.query.Backlog(ctx)
	if err != nil {
		return wrap("count what waits", err)
	}
	all := map[string]int64{"enrollments": waiting.Enrollments, "deliveries": waiting.Deliveries}
	maps.Copy(all, onLog)
	var rows []pgdb.RaiseFlowParams
	for _, bucket := range slices.Sorted(maps.Keys(all)) {
		rows = append(rows, pgdb.RaiseFlowParams{At: now.UTC().Truncate(relay.FlowStep), Kind: relay.FlowBacklog, Bucket: bucket, Rows: all[bucket]})
	}
	if err := firstError(s.query.RaiseFlow(ctx, rows)); err != nil {
		return wrap("note what waits", err)
	}
	_, err = s.query.ForgetFlow(ctx, now.Add(-keep))
	return wrap("forget old counts", err)
}

// Flow gives what was counted of a kind since a time, one slot a step: sums, of the backlog the highest.
func (s *Store) Flow(ctx context.Context, kind string, since time.Time, step time.Duration) ([]relay.Slot, error) {
	rows, err := s.lists.Flow(ctx, pgdb.FlowParams{Kind: kind, Since: since, Step: step.Seconds()})
	var slots []relay.Slot
	for _, row := range rows {
		count := row.Total
		if kind == relay.FlowBacklog {
			count = row.Highest
		}
		slots = addToSlot(slots, row.At, row.Bucket, count)
	}
	return slots, wrap("read counts over time", err)
}

// CountParkedDeliveries counts the deliveries of each subscription that wait for a person, up to limit in all.
func (s *Store) CountParkedDeliveries(ctx context.Context, limit int) (map[string]int, error) {
	rows, err := s.lists.ParkedBySubscription(ctx, atMost(limit))
	counts := make(map[string]int, len(rows))
	for _, row := range rows {
		counts[row.Name] = int(row.Rows)
	}
	return counts, wrap("count parked deliveries", err)
}
