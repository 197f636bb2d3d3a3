package notifier

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// idle is how long a worker without work stays.
const idle = 2 * time.Second

// crew works the deliveries of one subscription: workers come when there is work, up to the subscription's
// max_in_flight, and go when there is none. Neither fresh events nor retries starve the others: a worker that is free
// takes either when both wait.
type crew struct {
	r     *runner
	ctx   context.Context // ends the taking of work, not what is under way
	fresh chan *relay.Received
	due   chan claim
}

// takeFresh hands a fresh event to a worker; false when the crew takes no more.
func (c *crew) takeFresh(m *relay.Received) bool {
	select {
	case c.fresh <- m:
		return true
	default:
	}
	select {
	case c.fresh <- m:
		return true
	case c.r.slots <- struct{}{}:
		c.r.n.flying.Go(func() { c.work(func() { c.deliver(m) }) })
		return true
	case <-c.ctx.Done():
		return false
	}
}

// takeDue hands a due retry to a worker; false when the crew takes no more.
func (c *crew) takeDue(d claim) bool {
	select {
	case c.due <- d:
		return true
	default:
	}
	select {
	case c.due <- d:
		return true
	case c.r.slots <- struct{}{}:
		c.r.n.flying.Go(func() { c.work(func() { c.again(d) }) })
		return true
	case <-c.ctx.Done():
		return false
	}
}

// work does the first piece of work and then what comes.
func (c *crew) work(first func()) {
	defer func() { <-c.r.slots }()
	first()
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for c.ctx.Err() == nil {
		select { // without a look at the clock while there is work
		case m := <-c.fresh:
			c.deliver(m)
			continue
		case d := <-c.due:
			c.again(d)
			continue
		default:
		}
		timer.Reset(idle)
		select {
		case m := <-c.fresh:
			c.deliver(m)
		case d := <-c.due:
			c.again(d)
		case <-timer.C:
			return
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *crew) deliver(m *relay.Received) {
	if c.r.turn(c.ctx) != nil {
		giveBack(c.r.n.hard, m)
		return
	}
	c.r.deliver(c.r.n.hard, m)
}

func (c *crew) again(d claim) {
	if c.r.turn(c.ctx) != nil {
		_ = c.r.n.ledger.ReleaseRetry(c.r.n.hard, d.DeliveryKey) // else its lease runs out
		return
	}
	c.r.again(c.r.n.hard, d)
}
