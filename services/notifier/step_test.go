package notifier

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edrelay/edrelay/internal/traffic"
)

func TestWhatAReplayMakesDueGoesInStepsAndGivesWayToLiveEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := traffic.New()
		r := &runner{n: &Notifier{now: time.Now, live: live}}
		began := time.Now().Truncate(replayStep).Add(replayStep)
		<-time.After(time.Until(began))
		for _, due := range []time.Duration{0, 3 * time.Millisecond, replayStep - time.Microsecond} {
			r.step(t.Context(), began.Add(due))
			if at := time.Since(began); at != replayStep {
				t.Errorf("due after %v, made after %v: all of a step go at its end, after %v", due, at, replayStep)
			}
		}
		live.Begin()
		next := began.Add(2 * replayStep)
		time.AfterFunc(time.Until(next)+4*time.Millisecond, live.End)
		r.step(t.Context(), next.Add(-time.Millisecond))
		if at := time.Since(next); at != 5*time.Millisecond {
			t.Errorf("made %v after its step, want 5ms: 1 ms after the live event ended", at)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		before := time.Now()
		r.step(ended, before.Add(time.Minute))
		if time.Since(before) != 0 {
			t.Error("a step was waited for after its end")
		}
	})
}
