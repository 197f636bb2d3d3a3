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
