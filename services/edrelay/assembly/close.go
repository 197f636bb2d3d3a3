package assembly

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
		closers[i]()
	}
}
