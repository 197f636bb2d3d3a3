package filter

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// How often a process says that it lives, how long it may be silent before nobody waits for it, how long a change may
// take to come into force on all, and how often to look.
const (
	beatEvery   = time.Second
	grace       = 8 * time.Second
	forceWithin = 10 * time.Second
	forceLook   = 20 * time.Millisecond
)

// beat says that this process lives and which version it has in force.
func (s *Service) beat(ctx context.Context) {
	s.mu.Lock()
	version := s.version
	s.mu.Unlock()
	if err := s.opts.Ledger.BeatFilterService(ctx, s.process, version); err != nil && ctx.Err() == nil {
		s.opts.Log.Warn("filters can't reach the ledger, the last ones stay in force", "error", err)
	}
}

// leave takes this process off the list of those that changes wait for.
func (s *Service) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.opts.Ledger.ForgetFilterService(ctx, s.process); err != nil {
		s.opts.Log.Warn("filter service not taken off the list", "error", err)
	}
}

// inForce waits until every process that lives has the version.
func (d *Declarations) inForce(ctx context.Context, version int64) error {
	ctx, cancel := context.WithTimeout(ctx, forceWithin)
	defer cancel()
	for {
		behind, err := d.Ledger.BehindFilterServices(ctx, version, grace)
		if err == nil && behind == 0 {
			return nil
		}
		select {
		case <-time.After(forceLook):
		case <-ctx.Done():
			return &relay.Error{Code: relay.CodeUnavailable, Err: err,
				Message: "The change is saved, but not every notifier has it in force yet.",
				Hint:    "Look at the notifiers' logs; it takes effect as soon as they reach the ledger."}
		}
	}
}
