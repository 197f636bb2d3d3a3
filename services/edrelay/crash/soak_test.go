//go:build soak

package crash_test

import (
	"os"
	"testing"
	"time"
)

// TestSoakCrashes is the crash test for as long as EDRELAY_SOAK says, e.g. 10m.
func TestSoakCrashes(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("EDRELAY_SOAK"))
	if err != nil {
		t.Fatalf("EDRELAY_SOAK: %v", err)
	}
	survive(t, run{long: long, calm: 8 * time.Second, pace: 150 * time.Millisecond})
}

// TestSoakDeliveries kills edrelay in the middle of 20,000 events for two subscribers.
func TestSoakDeliveries(t *testing.T) { surviveDelivering(t, 20_000, 5) }

// TestSoakReplay replays 100,000 events, killed half-way. Live events must meanwhile take no longer than half as much again
// as before each turn of it.
func TestSoakReplay(t *testing.T) {
	times := replaySurvives(t, replayRun{events: 100_000, rate: 500, pace: 10 * time.Millisecond, calm: 20 * time.Second, turn: 20 * time.Second})
	before, beside := percentile(times.before, 99), percentile(times.beside, 99)
	if beside > before*3/2 {
		t.Errorf("live p99 %v before the replay, %v beside it", before, beside)
	}
}
