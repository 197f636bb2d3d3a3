package notifier

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// How often the notifier looks for changes, says that it lives and looks for due retries, and how long another
// process may be silent before its subscriptions are taken over.
const (
	lookEvery = 200 * time.Millisecond
	beatEvery = time.Second
	grace     = 8 * time.Second
	handover  = 2 * time.Second // how long a subscription that changes may take to end
	logLook   = 2 * time.Second // how long the log may take to say that it is there
)

// settle is how long a notifier that joins others waits before it begins: until they have seen it and let go of what is
// now its own, so that no subscription is worked by two.
const settle = beatEvery + handover

// tend keeps the right subscriptions running until ctx is done.
func (n *Notifier) tend(ctx context.Context) {
	look, beat := time.NewTicker(lookEvery), time.NewTicker(beatEvery)
	defer look.Stop()
	defer beat.Stop()
	n.beat(ctx)
	n.look(ctx)
	n.due(ctx)
	for {
		select {
		case <-look.C:
			n.look(ctx)
		case <-beat.C:
			n.beat(ctx)
			n.due(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// beat says that this process lives and hears which others do; when that has changed, subscriptions change hands.
func (n *Notifier) beat(ctx context.Context) {
	if !n.hasLog(ctx) {
		return
	}
	alive, err := n.ledger.BeatNotifier(ctx, n.process, n.seen, grace)
	if err != nil {
		n.away(ctx, err)
		return
	}
	if time.Since(n.beaten) > grace { // the others took this one for dead
		n.letGo()
		n.joined = time.Now()
	}
	n.beaten = time.Now()
	if !slices.Equal(alive, n.alive) {
		n.alive = alive
		if n.seen >= 0 {
			n.seen = -1
			n.look(ctx)
		}
	}
}

// hasLog tells whether the log is there. One that can't reach it doesn't count as alive, so that another may take over; it
// lets go of its subscriptions before that happens.
func (n *Notifier) hasLog(ctx context.Context) bool {
	look, cancel := context.WithTimeout(ctx, logLook)
	defer cancel()
	err := n.log.Reach(look)
	if err == nil || ctx.Err() != nil {
		return err == nil
	}
	if len(n.runners) > 0 && time.Since(n.beaten) > grace/2 {
		n.logger.Warn("notifier can't reach the log; its subscriptions are left to others", "error", err)
		n.letGo()
	}
	return false
}

// letGo stops all subscriptions until this notifier counts as alive again.
func (n *Notifier) letGo() {
	n.reconcile(context.Background(), nil)
	n.alive, n.seen = nil, -1
}

// settling tells that those who lived before may still have what is now this one's.
func (n *Notifier) settling() bool { return len(n.alive) > 1 && time.Since(n.joined) < settle }

// look brings changes of subscriptions into force.
func (n *Notifier) look(ctx context.Context) {
	version, err := n.ledger.SubscriptionVersion(ctx)
	if err != nil {
		n.away(ctx, err)
		return
	}
	if version == n.seen || len(n.alive) == 0 || n.settling() {
		return
	}
	subscribers, err := n.ledger.Subscribers(ctx)
	if err != nil {
		n.away(ctx, err)
		return
	}
	n.reconcile(ctx, subscribers)
	n.seen = version
	if _, err := n.ledger.BeatNotifier(ctx, n.process, n.seen, grace); err != nil {
		n.away(ctx, err)
	}
}

func (n *Notifier) away(ctx context.Context, err error) {
	if ctx.Err() == nil {
		n.logger.Warn("notifier can't reach the ledger; deliveries go on as they were", "error", err)
	}
}

// due tells the subscriptions of retries that are due.
func (n *Notifier) due(ctx context.Context) {
	next, err := n.ledger.NextRetries(ctx)
	if err != nil {
		n.away(ctx, err)
		return
	}
	n.metrics.breakersOf(n.runners, n.now())
	for id, at := range next {
		if r := n.runners[id]; r != nil {
			r.dueAt(at)
		}
	}
}

// reconcile starts, ends and changes what runs to what the subscriptions want.
func (n *Notifier) reconcile(ctx context.Context, subscribers []relay.Subscriber) {
	wanted := map[int64]relay.Subscriber{}
	for _, s := range subscribers {
		if s.Enabled && !s.Paused && !s.Disabled && owner(s.ID, n.alive) == n.process {
			wanted[s.ID] = s
		}
	}
	var ending sync.WaitGroup
	before := map[int64]*runner{}
	for id, r := range n.runners {
		if s, ok := wanted[id]; ok && s.Version == r.sub.Version && !r.ended() {
			continue
		}
		delete(n.runners, id)
		before[id] = r
		r.stop()
		ending.Go(func() { r.await(handover) })
	}
	ending.Wait()
	for id, r := range before {
		if s, stays := wanted[id]; !stays || s.Name != r.sub.Name {
			n.metrics.forget(r.sub.Name)
		}
	}
	for id, s := range wanted {
		if n.runners[id] == nil {
			n.launch(ctx, s, before[id])
		}
	}
	n.metrics.runners.Set(float64(len(n.runners)))
}

// launch starts a subscription. What is known of its URL's health goes on when the URL is the same.
func (n *Notifier) launch(ctx context.Context, s relay.Subscriber, before *runner) {
	r, err := newRunner(n, s)
	if err != nil {
		n.logger.Error("subscription can't run", "subscription", s.Name, "error", err)
		return
	}
	if before != nil && before.sub.URL == s.URL && s.Health != (relay.Health{}) {
		r.breaker, r.health = before.breaker, before.health
	}
	if before != nil && before.sub.Rate == s.Rate {
		r.limiter = before.limiter
	}
	n.runners[s.ID] = r
	r.begin(ctx)
}

func (r *runner) ended() bool {
	select {
	case <-r.finished:
		return true
	default:
		return false
	}
}

// await waits until nothing more is begun, at most so long. What is under way then may go on beside the next runner: an
// ordered subscription is handed nothing new before it is settled.
func (r *runner) await(most time.Duration) {
	select {
	case <-r.finished:
	case <-time.After(most):
	}
}

// owner gives the process that works a subscription: the one of those alive that the two together choose, so that when
// one comes or goes only its share changes hands.
func owner(subscription int64, alive []string) string {
	var best string
	var highest uint64
	for _, process := range alive {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(process + "/" + strconv.FormatInt(subscription, 10)))
		sum := hash.Sum64() * 0x9E3779B97F4A7C15 // FNV's low bits alone spread badly
		if sum >= highest {
			highest, best = sum, process
		}
	}
	return best
}
