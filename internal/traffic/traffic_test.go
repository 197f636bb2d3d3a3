package traffic_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edrelay/edrelay/internal/traffic"
)

// waited tells how long a lull was waited for.
func waited(ctx context.Context, live *traffic.Live) time.Duration {
	began := time.Now()
	live.Lull(ctx)
	return time.Since(began)
}

func TestALullIsThereWhileNothingIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var none *traffic.Live
		none.Begin()
		for name, live := range map[string]*traffic.Live{"new": traffic.New(), "none": none} {
			if took := waited(t.Context(), live); took != 0 {
				t.Errorf("%s: waited %v", name, took)
			}
		}
		none.End()
	})
}

// A lull is a millisecond of nothing. Within a test's bubble the clock goes on only when all wait, so the times are exact.
func TestALullComesAMomentAfterTheLastPieceOfWork(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		begins, ends []time.Duration
		want         time.Duration
	}{
		"two side by side": {begins: []time.Duration{0, 0}, ends: []time.Duration{2 * ms, 5 * ms}, want: 6 * ms},
		// The door answers after 1 ms, the notifier has the event half a millisecond later.
		"one that goes from hand to hand": {begins: []time.Duration{0, 3 * ms / 2}, ends: []time.Duration{ms, 7 * ms / 2}, want: 9 * ms / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				live := traffic.New()
				for _, at := range c.begins {
					if at == 0 {
						live.Begin()
						continue
					}
					time.AfterFunc(at, live.Begin)
				}
				for _, at := range c.ends {
					time.AfterFunc(at, live.End)
				}
				if took := waited(t.Context(), live); took != c.want {
					t.Errorf("waited %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestTrafficWithoutEndIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := traffic.New()
		live.Begin()
		if took := waited(t.Context(), live); took != 10*time.Millisecond {
			t.Errorf("waited %v, want 10ms", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
		defer cancel()
		if took := waited(ctx, live); took != 3*time.Millisecond {
			t.Errorf("waited %v beyond its context's 3ms", took)
		}
	})
}
