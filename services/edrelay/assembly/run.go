package assembly

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Runner is a service: Run blocks until ctx is done, drains, and returns nil; any other end is an error.
type Runner interface {
	Run(ctx context.Context) error
}

// Named is a service with its name.
type Named struct {
	Name string
	Runner
}

// Run runs the services until ctx is done or one of them fails; then the others are told to end too. Services
// earlier in the list are told first and have ended before later ones are told: doors before workers.
func Run(ctx context.Context, services ...Named) error {
	failed := make(chan error, len(services))
	stops := make([]func(), len(services))
	for i, service := range services {
		stops[i] = start(ctx, service, failed)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, stop := range stops {
		stop()
	}
	return err
}

// start runs one service in the background; stop tells it to end and waits until it has.
func start(ctx context.Context, service Named, failed chan<- error) (stop func()) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var ended sync.WaitGroup
	ended.Go(func() {
		err := service.Run(own)
		if own.Err() == nil && err == nil {
			err = errors.New("it ended by itself")
		}
		if err != nil {
			failed <- fmt.Errorf("%s: %w", service.Name, err)
		}
	})
	return func() {
		cancel()
		ended.Wait()
	}
}

// Together makes one service of several.
type Together []Named

// Run runs all of them, as Run does.
func (t Together) Run(ctx context.Context) error { return Run(ctx, t...) }
