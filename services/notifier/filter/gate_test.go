package filter

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheGateShutsAfterFailuresInARowAndProbesOneByOne(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	g := newGate()
	fail := func() {
		t.Helper()
		if why := g.enter(now); why != "" {
			t.Fatal(why)
		}
		g.leave(silent, now)
	}
	for range failuresToOpen - 1 {
		fail()
	}
	g.enter(now)
	g.leave(answered, now)
	for range failuresToOpen {
		fail()
	}
	if why := g.enter(now); why != "breaker open" || !g.open() {
		t.Fatalf("%q after %d failures", why, failuresToOpen)
	}
	now = now.Add(firstClosed)
	if why := g.enter(now); why != "" {
		t.Fatalf("%q: no probe", why)
	}
	if why := g.enter(now); why != "breaker open" {
		t.Fatalf("%q beside a probe", why)
	}
	g.leave(silent, now)
	if why := g.enter(now.Add(firstClosed)); why == "" {
		t.Fatal("a failed probe does not double the wait")
	}
	now = now.Add(2 * firstClosed)
	g.enter(now)
	if g.leave(answered, now); g.open() {
		t.Fatal("a probe that is answered does not open the gate")
	}
}

func TestAGateLetsOnlySoManyIn(t *testing.T) {
	t.Parallel()
	g := newGate()
	for range maxAsked {
		if why := g.enter(time.Time{}); why != "" {
			t.Fatal(why)
		}
	}
	if why := g.enter(time.Time{}); why != "busy" {
		t.Fatalf("%q", why)
	}
	g.leave(unclear, time.Time{})
	if why := g.enter(time.Time{}); why != "" {
		t.Fatal(why)
	}
}

// Whatever happens, an open gate is probed again after the longest wait, and one answer opens it for all.
func TestAGateNeverStaysShutForEver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g, now, inside := newGate(), time.Unix(1000, 0), 0
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			if g.enter(now) == "" {
				inside++
			}
			if inside > 0 && rapid.Bool().Draw(t, "leave") {
				inside--
				g.leave(rapid.SampledFrom([]verdict{answered, silent, silent, unclear}).Draw(t, "verdict"), now)
			}
		}
		for ; inside > 0; inside-- {
			g.leave(unclear, now)
		}
		if why := g.enter(now.Add(longestClosed)); why != "" {
			t.Fatalf("%q", why)
		}
		g.leave(answered, now)
		if g.open() {
			t.Fatal("still shut")
		}
	})
}
