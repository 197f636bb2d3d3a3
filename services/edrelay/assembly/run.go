package assembly

import (
	"context"
	"errors"
	"fmt"
	"time"
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

// Run runs the services until ctx is done or one of them fails; then /readyz says no and all are told to end. Services
// earlier in the list are told first and, as far as the time goes, have ended before later ones are told: doors before
// workers. What has not ended within shutdown.timeout is left behind, as a kill would leave it, and the log says so.
func (g *Ground) Run(ctx context.Context, services ...Named) error {
	most := g.Config.Shutdown.Timeout
	late, err := run(ctx, most, func() { g.tellSupervisor(stateReady) }, g.end, services)
	if len(late) > 0 {
		g.cutOff.Store(true)
		g.Log.Warn("not everything under way could end in time; it is taken up again", "services", late, "timeout", most)
	}
	return err
}

// end makes /readyz say no.
func (g *Ground) end() {
	g.ending.Store(true)
	g.tellSupervisor(stateStopping)
}

// running is a service that runs.
type running struct {
	name  string
	stop  context.CancelFunc
	ended chan struct{}
}

// run gives the services that had not ended so long after they were told; most 0 waits for all.
func run(ctx context.Context, most time.Duration, started, ending func(), services []Named) (late []string, err error) {
	failed := make(chan error, len(services))
	var all []running
	for _, service := range services {
		all = append(all, start(ctx, service, failed))
	}
	started()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	ending()
	deadline := time.Now().Add(most)
	for _, one := range all {
		one.stop()
		one.await(most, time.Until(deadline)/2)
	}
	for _, one := range all {
		if !one.await(most, time.Until(deadline)) {
			late = append(late, one.name)
		}
	}
	return late, err
}

// start runs one service in the background.
func start(ctx context.Context, service Named, failed chan<- error) running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := service.Run(own)
		if own.Err() == nil && err == nil {
			err = errors.New("it ended by itself")
		}
		if err != nil {
			failed <- fmt.Errorf("%s: %w", service.Name, err)
		}
	}()
	return running{name: service.Name, stop: cancel, ended: ended}
}

// await tells whether the service has ended within patience; most 0 waits for ever.
func (r running) await(most, patience time.Duration) bool {
	if most == 0 {
		<-r.ended
		return true
	}
	select {
	case <-r.ended:
		return true
	case <-time.After(patience):
		return false
	}
}

// Together makes one service of several, which end in the order of Run.
type Together []Named

// Run runs all of them until ctx is done or one of them fails.
func (t Together) Run(ctx context.Context) error {
	_, err := run(ctx, 0, func() {}, func() {}, t)
	return err
}

// drain is how long one service may take for what is under way, so that there is time left to record it.
func (g *Ground) drain() time.Duration { return g.Config.Shutdown.Timeout * 3 / 5 }
