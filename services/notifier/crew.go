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

// newCrew has room for as many waiting events as it may have workers, so that none of them waits for the one who hands
// out. Where a rate is kept, nothing waits here: it would grow stale.
func newCrew(ctx context.Context, r *runner) *crew {
	room := cap(r.slots)
	if r.limiter != nil {
		room = 0
	}
	return &crew{r: r, ctx: ctx, fresh: make(chan *relay.Received, room), due: make(chan claim)}
}

// takeFresh hands over a fresh event; false when the crew takes no more.
func (c *crew) takeFresh(m *relay.Received) bool {
	select {
	case c.fresh <- m:
		c.call()
		return true
	default:
	}
	select {
	case c.fresh <- m:
		c.call()
		return true
	case c.r.slots <- struct{}{}:
		c.r.n.flying.Go(func() { c.work(func() { c.deliver(m) }) })
		return true
	case <-c.ctx.Done():
		return false
	}
}

// call has one more worker come when an event waits and there may be one. It is asked after an event was put there and
// after a worker has left, so that one of the two sees to it.
func (c *crew) call() {
	if len(c.fresh) == 0 || c.ctx.Err() != nil {
		return
	}
	select {
	case c.r.slots <- struct{}{}:
		c.r.n.flying.Go(func() { c.work(func() {}) })
	default:
	}
}

// giveBack has the events handed out again that wait for a worker. Nobody puts any there any more.
func (c *crew) giveBack() {
	for {
		select {
		case m := <-c.fresh:
			giveBack(c.r.n.hard, m)
		default:
			return
		}
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
	defer func() { <-c.r.slots; c.call() }()
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
