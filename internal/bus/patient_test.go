package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestAReadWithoutAServerIsOverSoonAndNotTakenForTheCallersEnd(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.connect(func(c *bus.Config) { c.ReadPatience = time.Minute })
	publish(t, b, event("before"))
	reads := make(chan error)
	go func() { // one under way when the server ends
		for {
			if _, err := b.Newest(t.Context(), relay.LogQuery{Stream: relay.StreamEvents, Limit: 1}); err != nil {
				reads <- err
				return
			}
		}
	}()
	g.stop()
	select {
	case err := <-reads:
		if relay.CodeOf(err) != relay.CodeUnavailable || errors.Is(err, context.Canceled) {
			t.Errorf("the read ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the read does not end")
	}
}

func TestWhatIsNotThereIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect(func(c *bus.Config) { c.ReadPatience = time.Hour })
	for what, read := range map[string]func(context.Context) error{
		"message":  func(ctx context.Context) error { _, err := b.Message(ctx, relay.StreamEvents, 7); return err },
		"stream":   func(ctx context.Context) error { _, err := b.Stream(ctx, "NONE"); return err },
		"consumer": func(ctx context.Context) error { _, err := b.ConsumerInfo(ctx, relay.StreamEvents, "none"); return err },
	} {
		if err := read(within(t, time.Minute)); !errors.Is(err, relay.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
