package filter

import (
	"sync"
	"time"
)

// The limits of a gate.
const (
	maxAsked       = 64               // questions to one URL at a time
	failuresToOpen = 5                // in a row, without an answer
	firstClosed    = 5 * time.Second  // how long the URL is left alone then
	longestClosed  = 60 * time.Second // doubled with each probe that fails, up to this
)

// gate keeps a URL that does not answer from costing every learner its time-out: after failures in a row it is not
// asked for a while, then one question probes it.
type gate struct {
	mu       sync.Mutex
	asked    int
	failures int
	shutTill time.Time
	shutFor  time.Duration
	probing  bool
}

func newGate() *gate { return &gate{} }

// enter asks for leave to ask the URL; why says what is against it, "" for nothing. Each leave must be given back by leave.
func (g *gate) enter(now time.Time) (why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.failures >= failuresToOpen && (g.probing || now.Before(g.shutTill)):
		return "breaker open"
	case g.asked >= maxAsked:
		return "busy"
	}
	g.probing = g.failures >= failuresToOpen
	g.asked++
	return ""
}

// verdict is what a question says of the URL's health.
type verdict int

const (
	answered verdict = iota
	silent
	unclear // given up by ourselves: says nothing
)

// leave gives a leave back. opened tells that this was the failure that shut the URL off.
func (g *gate) leave(v verdict, now time.Time) (opened bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked--
	wasProbing := g.probing
	g.probing = false
	switch v {
	case answered:
		g.failures, g.shutFor = 0, 0
	case silent:
		g.failures++
		if g.failures == failuresToOpen || g.failures > failuresToOpen && wasProbing {
			g.shutFor = min(max(2*g.shutFor, firstClosed), longestClosed)
			g.shutTill = now.Add(g.shutFor)
			return true
		}
	}
	return false
}

// open tells whether the URL is left alone.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures >= failuresToOpen
}
