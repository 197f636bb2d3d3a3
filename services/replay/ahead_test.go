package replay_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/services/replay"
)

// steps is a ledger that notes what a worker does with it: how much it stages, and 0 for each time that it asks.
type steps struct {
	*store.Store
	mu    sync.Mutex
	taken []int
}

func (s *steps) note(step int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, step)
}

func (s *steps) Replay(ctx context.Context, id string) (relay.ReplayWork, error) {
	s.note(0)
	return s.Store.Replay(ctx, id)
}

func (s *steps) StageDeliveries(ctx context.Context, replay string, events []relay.Due, over time.Duration) error {
	s.note(len(events))
	return s.Store.StageDeliveries(ctx, replay, events, over)
}

// waits tells whether the worker did nothing but ask lately.
func (s *steps) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	const lately = 5
	return len(s.taken) > lately && slices.Max(s.taken[len(s.taken)-lately:]) == 0
}

func TestAReplayIsTwoSecondsAheadOfItsSubscriberAndAsksSeldom(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const rate = 100
	var messages []relay.Message
	for i := range 6 * rate {
		messages = append(messages, event(i, "shop.sold.v1"))
	}
	g.publish(messages...)
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Subscriptions: []string{"crm"}, Rate: rate}, "t")
	if err != nil {
		t.Fatal(err)
	}
	ledger := &steps{Store: g.store}
	worker, err := replay.NewWorker(replay.Options{Ledger: ledger, Log: g.bus, Subscribers: crm{}, Logger: slog.New(slog.DiscardHandler),
		Pause: 20 * time.Millisecond, Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	ended.Go(func() { _ = worker.Run(ctx) })
	for look := time.NewTicker(20 * time.Millisecond); !ledger.waits(); {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatal("the worker never waited for its subscriber")
		}
	}
	ledger.mu.Lock()
	defer ledger.mu.Unlock()
	staged, asked, last := 0, 0, 0
	for i, step := range ledger.taken {
		if staged += step; step > 0 {
			last = i
		}
	}
	for _, step := range ledger.taken[:last] {
		if step == 0 {
			asked++
		}
	}
	if staged < 2*rate || staged > 2*rate+rate/4 {
		t.Errorf("%d are ahead of the subscriber of %s, want two seconds' %d, and a quarter of a second at most", staged, started.ID, 2*rate)
	}
	if asked > 3 {
		t.Errorf("asked %d times while there was room: %v", asked, ledger.taken)
	}
}
