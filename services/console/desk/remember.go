package desk

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// How figures are remembered: one that counts many rows is counted ahead and rarely, so that counting never takes more than
// a few hundredths of the ledger's time and whoever looks gets the last count at once. Others are counted when asked for.
const (
	dear       = 20_000           // rows
	warmEvery  = 30 * time.Second // dear figures are counted again after so long, or fifty times as long as they took
	warmLook   = 5 * time.Second
	countLimit = time.Minute
)

// Remembered gives the figures of another and remembers those that are dear to count.
type Remembered struct {
	Figures
	now func() time.Time

	mu   sync.Mutex
	kept map[string]*figure
}

// Remember makes figures that are remembered; KeepWarm counts the dear ones ahead.
func Remember(of Figures, now func() time.Time) *Remembered {
	return &Remembered{Figures: of, now: now, kept: map[string]*figure{}}
}

// figure is one of them.
type figure struct {
	counting sync.Mutex // one counts, others wait for it

	mu    sync.Mutex
	value any
	rows  int
	took  time.Duration
	at    time.Time
	count func(context.Context) (value any, rows int, err error) // as it was asked for last
}

// resting tells whether the value is good until KeepWarm counts again.
func (f *figure) resting(now time.Time) bool { return f.rows > dear && now.Sub(f.at) < 2*f.pause() }

func (f *figure) pause() time.Duration { return max(warmEvery, 50*f.took) }

// recall gives a remembered value, counting it when it must; rows tells how many were counted.
func recall[T any](ctx context.Context, r *Remembered, name string, count func(context.Context) (T, error), rows func(T) int) (value T, err error) {
	f := r.figure(name)
	f.mu.Lock()
	f.count = func(ctx context.Context) (any, int, error) {
		value, err := count(ctx)
		return value, rows(value), err
	}
	f.mu.Unlock()
	if known, ok := f.known(r.now()); ok {
		return known.(T), nil
	}
	f.counting.Lock()
	defer f.counting.Unlock()
	if known, ok := f.known(r.now()); ok {
		return known.(T), nil
	}
	if err := f.recount(ctx, r.now); err != nil {
		return value, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.value.(T), nil
}

func (r *Remembered) figure(name string) *figure {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept[name] == nil {
		r.kept[name] = &figure{}
	}
	return r.kept[name]
}

func (f *figure) known(now time.Time) (any, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.value, f.resting(now)
}

func (f *figure) recount(ctx context.Context, now func() time.Time) error {
	f.mu.Lock()
	count := f.count
	f.mu.Unlock()
	began := now()
	value, rows, err := count(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.value, f.rows, f.at, f.took = value, rows, began, now().Sub(began)
	return nil
}

// KeepWarm counts dear figures again before they are too old, until ctx is done. One that fails is counted by whoever asks.
func (r *Remembered) KeepWarm(ctx context.Context) {
	tick := time.NewTicker(warmLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		all := maps.Clone(r.kept)
		r.mu.Unlock()
		for _, f := range all {
			f.warm(ctx, r.now)
		}
	}
}

func (f *figure) warm(ctx context.Context, now func() time.Time) {
	f.mu.Lock()
	due := f.rows > dear && now().Sub(f.at) > f.pause()
	f.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	_ = f.recount(ctx, now)
}

// WebhookFlow counts webhooks over time; what it gives is the caller's own.
func (r *Remembered) WebhookFlow(ctx context.Context, since time.Time, step time.Duration) ([]relay.Slot, error) {
	count := func(ctx context.Context) ([]relay.Slot, error) { return r.Figures.WebhookFlow(ctx, since, step) }
	slots, err := recall(ctx, r, "webhooks", count, rowsOfSlots)
	return own(slots), err
}

// EnrollmentFlow counts enrolments over time; what it gives is the caller's own.
func (r *Remembered) EnrollmentFlow(ctx context.Context, since time.Time, step time.Duration) ([]relay.Slot, error) {
	count := func(ctx context.Context) ([]relay.Slot, error) { return r.Figures.EnrollmentFlow(ctx, since, step) }
	slots, err := recall(ctx, r, "enrollments", count, rowsOfSlots)
	return own(slots), err
}

func own(slots []relay.Slot) []relay.Slot {
	list := make([]relay.Slot, len(slots))
	for i, slot := range slots {
		list[i] = relay.Slot{At: slot.At, Counts: maps.Clone(slot.Counts)}
	}
	return list
}

func rowsOfSlots(slots []relay.Slot) (rows int) {
	for _, slot := range slots {
		rows += sum(slot.Counts)
	}
	return rows
}

func sum[K comparable](counts map[K]int) (rows int) {
	for _, n := range counts {
		rows += n
	}
	return rows
}

// CountEnrollments counts by state.
func (r *Remembered) CountEnrollments(ctx context.Context) (map[relay.EnrollmentState]int, error) {
	return recall(ctx, r, "states", r.Figures.CountEnrollments, sum)
}

// CountReasons counts by why enrolments stand where they are.
func (r *Remembered) CountReasons(ctx context.Context) ([]relay.ReasonCount, error) {
	return recall(ctx, r, "reasons", r.Figures.CountReasons, func(list []relay.ReasonCount) (rows int) {
		for _, one := range list {
			rows += one.Rows
		}
		return rows
	})
}

// CountParkedWebhooks counts webhooks that wait for a person.
func (r *Remembered) CountParkedWebhooks(ctx context.Context) (int, error) {
	return recall(ctx, r, "parked", r.Figures.CountParkedWebhooks, func(n int) int { return n })
}
