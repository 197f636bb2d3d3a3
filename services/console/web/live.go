package web

import (
	"bufio"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

const (
	beatPause   = time.Second
	quietPause  = 15 * time.Second // something is sent at least this often, so that proxies keep the stream
	countsEvery = 5                // beats between looks at the ledger
)

// pulse tells open pages that something moved. It looks only while somebody watches.
type pulse struct {
	beat func(ctx context.Context, deep bool) (string, error)
	stop <-chan struct{}

	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
	running  bool
}

func newPulse(beat func(context.Context, bool) (string, error), stop <-chan struct{}) *pulse {
	return &pulse{beat: beat, stop: stop, watchers: map[chan struct{}]struct{}{}}
}

// watch gives a channel that hears of every change until leave is called.
func (p *pulse) watch() (changed chan struct{}, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed = make(chan struct{}, 1)
	p.watchers[changed] = struct{}{}
	if !p.running {
		p.running = true
		go p.run()
	}
	return changed, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, changed)
	}
}

// run compares what stands with what stood, until nobody watches any more.
func (p *pulse) run() {
	tick := time.NewTicker(beatPause)
	defer tick.Stop()
	var marks [2]string
	for n := 0; !p.idle(); n++ {
		for i := range marks {
			if deep := i == 1; deep && n%countsEvery != 0 {
				continue
			}
			mark, err := p.look(i == 1)
			if err != nil || mark == marks[i] {
				continue
			}
			if marks[i] != "" {
				p.tell()
			}
			marks[i] = mark
		}
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

func (p *pulse) look(deep bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	return p.beat(ctx, deep)
}

// idle ends the run when nobody watches; who comes next starts another.
func (p *pulse) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = len(p.watchers) > 0
	return !p.running
}

func (p *pulse) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for changed := range p.watchers {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

// beat names what stands: the ends of the streams, and now and then the counts of the ledger.
func (s *site) beat(ctx context.Context, deep bool) (string, error) {
	if deep {
		if s.desk.Ports.Figures == nil {
			return "", nil
		}
		counts, err := s.desk.Ports.Figures.CountEnrollments(ctx)
		return fmt.Sprint(counts), err
	}
	replays, err := s.runningReplays(ctx)
	if err != nil {
		return "", err
	}
	erasures, err := s.newestErasures(ctx)
	if err != nil {
		return "", err
	}
	mark := replays + erasures
	if s.desk.Ports.Log == nil {
		return mark, nil
	}
	for _, stream := range []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents} {
		last, err := s.desk.Ports.Log.LastSequence(ctx, stream)
		if err != nil {
			return "", err
		}
		mark += fmt.Sprint(last, " ")
	}
	return mark, nil
}

// runningReplays names how far replays are.
func (s *site) runningReplays(ctx context.Context) (mark string, err error) {
	if s.desk.Ports.Replays == nil {
		return "", nil
	}
	running, err := s.desk.Ports.Replays.Replays(ctx, relay.ReplayQuery{State: relay.ReplayRunning, Page: relay.Page{Limit: pageRows}})
	for _, one := range running {
		mark += fmt.Sprint(one.ID, one.Done, " ")
	}
	return mark, err
}

// newestErasures names how far erasures are.
func (s *site) newestErasures(ctx context.Context) (mark string, err error) {
	if s.desk.Ports.Learners == nil {
		return "", nil
	}
	newest, err := s.desk.Ports.Learners.Erasures(ctx, relay.Page{Limit: 3})
	for _, one := range newest {
		mark += fmt.Sprint(one.ID, one.State, one.Step, one.Scanned, " ")
	}
	return mark, err
}

// live streams pulses as server-sent events.
func (s *site) live(c fiber.Ctx, _ *visit) error {
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	return c.SendStreamWriter(func(w *bufio.Writer) {
		changed, leave := s.pulse.watch()
		defer leave()
		quiet := time.NewTicker(quietPause)
		defer quiet.Stop()
		text := ": welcome\nretry: 2000\n\n"
		for {
			if _, err := w.WriteString(text); err != nil {
				return
			}
			if err := w.Flush(); err != nil {
				return
			}
			select {
			case <-s.Stop:
				return
			case <-changed:
				text = "event: pulse\ndata: {}\n\n"
			case <-quiet.C:
				text = ": quiet\n\n"
			}
		}
	})
}
