package bus

import (
	"context"
	"time"
)

// A server that is cut off from the others of its cluster keeps its clients and serves them nothing. So a client looks
// whether it is served, and after so many looks in vain in a row tries another server.
const (
	watchEvery   = 5 * time.Second
	watchWait    = 2 * time.Second
	watchStrikes = 2
)

// watch runs until Close.
func (b *Bus) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for strikes := 0; ; {
		select {
		case <-ticker.C:
		case <-b.closed:
			return
		}
		if b.served() {
			strikes = 0
		} else if strikes++; strikes >= watchStrikes {
			strikes = 0
			b.log.Warn("this server of the log does not serve; trying another", "server", b.conn.ConnectedUrlRedacted())
			_ = b.conn.ForceReconnect()
		}
	}
}

// served tells whether the server answers for JetStream, or there is no other one to try.
func (b *Bus) served() bool {
	if !b.conn.IsConnected() || len(b.conn.Servers()) < 2 {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), watchWait)
	defer cancel()
	_, err := b.js.AccountInfo(ctx)
	return err == nil
}
