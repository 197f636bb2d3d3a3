package bus_test

import (
	"testing"
	"unsafe"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestReadersOfTheSameShareWhatTheyRead(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.connect()
	sent := event("one")
	publish(t, b, sent)
	read := func(durable string) relay.Received {
		return fetch(t, consume(t, b, bus.ConsumerConfig{Durable: durable, Shared: true}), 1)[0]
	}
	first, second := read("first"), read("second")
	if first.ID != "one" || second.ID != "one" || string(second.Body) != string(sent.Body) {
		t.Fatalf("read %+v and %+v", first, second)
	}
	if unsafe.SliceData(first.Body) != unsafe.SliceData(second.Body) {
		t.Error("the message is held twice")
	}
	if first.Attempt != 1 || second.Attempt != 1 || first.Reply == second.Reply {
		t.Error("each reader must have a delivery of its own")
	}
}

func TestAStreamMadeAnewIsReadAnew(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.connect()
	for _, id := range []string{"before", "after"} {
		publish(t, b, event(id))
		got := fetch(t, consume(t, b, bus.ConsumerConfig{Durable: "reader", Shared: true}), 1)[0]
		if got.ID != id || got.Sequence != 1 {
			t.Errorf("read %q at %d, want %q at 1", got.ID, got.Sequence, id)
		}
		if err := rawStreams(t, g).DeleteStream(t.Context(), relay.StreamEvents); err != nil {
			t.Fatal(err)
		}
		if err := b.EnsureStreams(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
