package traffic_test

import (
	"context"
	"sync"
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

func TestALullComesAMomentAfterTheLastPieceOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := traffic.New()
		live.Begin()
		live.Begin()
		var ends sync.WaitGroup
		for _, after := range []time.Duration{2 * time.Millisecond, 5 * time.Millisecond} {
			ends.Go(func() { time.Sleep(after); live.End() })
		}
		if took := waited(t.Context(), live); took != 6*time.Millisecond {
			t.Errorf("waited %v for two pieces of work that end after 2 and 5 ms, want 1 ms more", took)
		}
		ends.Wait()
	})
}

func TestAnEventOnItsWayFromOneHandToTheNextIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := traffic.New()
		live.Begin()
		var event sync.WaitGroup
		event.Go(func() {
			time.Sleep(time.Millisecond)
			live.End() // at the door
			time.Sleep(time.Millisecond / 2)
			live.Begin() // in the notifier
			time.Sleep(2 * time.Millisecond)
			live.End()
		})
		if took := waited(t.Context(), live); took != 4500*time.Microsecond {
			t.Errorf("waited %v, want 4.5ms", took)
		}
		event.Wait()
	})
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
