package assembly

import "time"

// closePatience bounds each step of Close after something was left behind that may hold on to it.
const closePatience = 2 * time.Second

// onClose remembers what Close has to do; the newest is done first.
func (g *Ground) onClose(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closers = append(g.closers, do)
}

// Close ends everything that Open and the services began, newest first. It may be called twice.
func (g *Ground) Close() {
	g.mu.Lock()
	closers := g.closers
	g.closers = nil
	g.mu.Unlock()
	for i := len(closers) - 1; i >= 0; i-- {
		g.close(closers[i])
	}
}

func (g *Ground) close(do func()) {
	if !g.cutOff.Load() {
		do()
		return
	}
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(closePatience):
	}
}
