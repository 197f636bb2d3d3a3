package bus

import (
	"context"
	"errors"
	"sync"
)

// errConnectionLost is why a wait ends whose connection broke before the answer came.
var errConnectionLost = errors.New("connection lost before the answer")

// epoch is the time between two losses of the connection; an answer not come by its end won't come.
type epoch struct {
	mu     sync.Mutex
	lost   context.Context
	cancel context.CancelFunc
}

// next ends the epoch and begins another.
func (e *epoch) next() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
	e.lost, e.cancel = context.WithCancel(context.Background())
}

// now gives a context that ends with the running epoch.
func (e *epoch) now() context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lost
}
