package bus_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestAWalkGivesWhatMatchesInOrderOnce(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	for i := 1; i <= 1200; i++ {
		kind := "common.v1"
		if i%100 == 0 {
			kind = "rare.v1"
		}
		publish(t, b, typed(fmt.Sprint(i), kind))
	}
	for _, c := range []struct {
		walk relay.LogWalk
		want int
	}{
		{relay.LogWalk{}, 1200}, {relay.LogWalk{From: 1101}, 100}, {relay.LogWalk{From: 10, To: 20}, 11}, {relay.LogWalk{From: 2000}, 0},
		{relay.LogWalk{Subjects: []string{"events.rare.>"}}, 12}, {relay.LogWalk{Subjects: []string{"events.rare.>"}, From: 101, To: 500, NoBody: true}, 4},
	} {
		c.walk.Stream = relay.StreamEvents
		seen, before := 0, uint64(0)
		err := b.Walk(t.Context(), c.walk, func(m relay.Received) (bool, error) {
			if m.Sequence <= before || m.ID != fmt.Sprint(m.Sequence) || c.walk.NoBody != (len(m.Body) == 0) {
				t.Errorf("%+v: %d after %d", c.walk, m.Sequence, before)
			}
			before = m.Sequence
			seen++
			return true, nil
		})
		if err != nil || seen != c.want {
			t.Errorf("%+v: %d messages, %v; want %d", c.walk, seen, err, c.want)
		}
	}
	stop := errors.New("stop")
	if err := b.Walk(t.Context(), relay.LogWalk{Stream: relay.StreamEvents}, func(relay.Received) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Errorf("the visitor's error became %v", err)
	}
	if list, err := b.Consumers(t.Context(), relay.StreamEvents); err != nil || len(list) != 0 {
		t.Errorf("left behind %v, %v", list, err)
	}
}

// amid walks 1,200 messages and does harm after the first of them; js is another's connection.
func amid(t *testing.T, harm func(g *ground, js jetstream.JetStream, consumer string) error) (seen []uint64, err error) {
	t.Helper()
	g := newGround(t)
	b := g.connect()
	for i := 1; i <= 1200; i++ {
		publish(t, b, event(fmt.Sprint(i)))
	}
	js := rawStreams(t, g)
	err = b.Walk(t.Context(), relay.LogWalk{Stream: relay.StreamEvents}, func(m relay.Received) (bool, error) {
		if seen = append(seen, m.Sequence); len(seen) > 1 {
			return true, nil
		}
		list, err := b.Consumers(t.Context(), relay.StreamEvents)
		if err != nil || len(list) != 1 {
			return false, fmt.Errorf("consumers %v, %w", list, err)
		}
		return true, harm(g, js, list[0].Name)
	})
	return seen, err
}

// steal takes messages of a consumer away, as a connection that breaks while they are sent would.
func steal(count int) func(*ground, jetstream.JetStream, string) error {
	return func(g *ground, js jetstream.JetStream, name string) error {
		consumer, err := js.Consumer(g.t.Context(), relay.StreamEvents, name)
		if err != nil {
			return err
		}
		batch, err := consumer.Fetch(count)
		if err != nil {
			return err
		}
		for range batch.Messages() {
		}
		return batch.Error()
	}
}

func TestAWalkSeesAllThoughSomeOfItIsLostOnTheWay(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*ground, jetstream.JetStream, string) error{
		"a part is lost":    steal(300),
		"all after is lost": steal(700),
		"its consumer is gone": func(g *ground, js jetstream.JetStream, name string) error {
			return js.DeleteConsumer(g.t.Context(), relay.StreamEvents, name)
		},
		"the log starts again": func(g *ground, _ jetstream.JetStream, _ string) error { g.stop(); g.start(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, err := amid(t, harm)
			if err != nil || len(seen) != 1200 {
				t.Fatalf("%d of 1200 seen, %v", len(seen), err)
			}
			for i, sequence := range seen {
				if sequence != uint64(i+1) {
					t.Fatalf("message %d is the %d.", sequence, i+1)
				}
			}
		})
	}
}

func TestAWalkThatCannotGoOnSaysSo(t *testing.T) {
	t.Parallel()
	seen, err := amid(t, func(g *ground, _ jetstream.JetStream, _ string) error { g.stop(); return nil })
	if relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("%d of 1200 seen, then %v", len(seen), err)
	}
}
