package store

import (
	"context"
	"sync"
	"time"
)

// How the ledger's clock is kept.
const (
	clockEvery    = time.Second            // between two readings
	clockPatience = 5 * time.Second        // for one answer
	clockRoom     = 100 * time.Millisecond // differences below it are the network's
)

// clock is Postgres' time: read every second, carried on by the monotonic clock in between. So a wall clock of this
// machine that is wrong, or jumps, moves no lease and no retry, and all processes agree about what is due.
type clock struct {
	read func(context.Context) (time.Time, error)
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	base time.Time // what Postgres said; zero: nothing yet
	at   time.Time // when, with a monotonic reading
}

// startClock keeps a clock until end.
func startClock(read func(context.Context) (time.Time, error)) *clock {
	ctx, stop := context.WithCancel(context.Background())
	c := &clock{read: read, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.keep(ctx)
	}()
	return c
}

func (c *clock) end() {
	c.stop()
	<-c.done
}

func (c *clock) keep(ctx context.Context) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked, cancel := context.WithTimeout(ctx, clockPatience)
		_ = c.sync(asked) // while Postgres is away the time goes on
		cancel()
	}
}

// now gives the time without waiting for Postgres. Until Postgres has been heard it is this machine's.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base.IsZero() {
		return time.Now()
	}
	return c.base.Add(time.Since(c.at))
}

// sync asks Postgres. The answer counts for the middle of the time that it took.
func (c *clock) sync(ctx context.Context) error {
	asked := time.Now()
	told, err := c.read(ctx)
	if err != nil {
		return err
	}
	took := time.Since(asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	base, at := told.Add(took/2), asked.Add(took)
	if expected := c.base.Add(at.Sub(c.at)); c.base.IsZero() || base.Sub(expected).Abs() > clockRoom+took {
		c.base = base
	} else {
		c.base = expected
	}
	c.at = at
	return nil
}

// Now is the ledger's time, by which leases, retries and partitions go, without a wait for Postgres. Until Postgres has
// been heard it is this machine's.
func (s *Store) Now() time.Time { return s.clock.now() }

// Skew is how far this machine's clock is ahead of Postgres', negative when it is behind. It asks Postgres.
func (s *Store) Skew(ctx context.Context) (time.Duration, error) {
	if err := s.clock.sync(ctx); err != nil {
		return 0, wrap("read Postgres' clock", err)
	}
	return time.Now().Round(0).Sub(s.clock.now().Round(0)), nil
}

// MendClock looks whether Postgres' clock went back since it was last called, by anybody, and moves all that waits for a
// time by as much some seconds later, so that nothing waits much longer than it was told to. It gives by how much it moved
// things; 0 mostly. Call it every few seconds.
func (s *Store) MendClock(ctx context.Context) (time.Duration, error) {
	back, err := s.query.MendClock(ctx)
	return seconds(back), wrap("look whether the clock went back", err)
}
