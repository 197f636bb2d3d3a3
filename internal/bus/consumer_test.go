package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func consume(t testing.TB, b *bus.Bus, config bus.ConsumerConfig) *bus.Consumer {
	t.Helper()
	config.Stream = relay.StreamEvents
	c, err := b.Consumer(t.Context(), config)
	if err != nil {
		t.Fatalf("consumer: %v", err)
	}
	t.Cleanup(c.Stop)
	return c
}

func fetch(t testing.TB, c *bus.Consumer, n int) []relay.Received {
	t.Helper()
	ctx := within(t, 20*time.Second)
	var all []relay.Received
	for len(all) < n {
		got, err := c.Fetch(ctx, n-len(all))
		if err != nil {
			t.Fatalf("fetch after %d of %d: %v", len(all), n, err)
		}
		all = append(all, got...)
	}
	return all
}

func TestSettledMessagesAreNotHandedOutAgain(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	var batch []relay.Message
	for i := range 300 {
		batch = append(batch, event(fmt.Sprint(i)))
	}
	if _, err := b.PublishBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	config := bus.ConsumerConfig{Durable: "reader"}
	first := consume(t, b, config)
	got := fetch(t, first, 200)
	for i, r := range got {
		if r.ID != fmt.Sprint(i) || r.Sequence != uint64(i+1) || r.Attempt != 1 {
			t.Fatalf("message %d: %+v", i, r)
		}
	}
	var replies []relay.Acker
	for _, r := range got[:199] {
		replies = append(replies, r.Reply)
	}
	if err := b.AckAll(t.Context(), replies); err != nil {
		t.Fatal(err)
	}
	if err := got[199].Reply.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := b.ConsumerInfo(t.Context(), relay.StreamEvents, "reader")
	if err != nil || info.AckFloor != 200 {
		t.Fatalf("after the acks: %+v, %v", info, err)
	}
}

func TestAgainAndOrderOfOneAtATime(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	publish(t, b, event("a"))
	publish(t, b, event("b"))
	c := consume(t, b, bus.ConsumerConfig{Durable: "one", MaxAckPending: 1})
	for attempt := range uint64(3) {
		r := fetch(t, c, 1)[0]
		if r.ID != "a" || r.Attempt != attempt+1 {
			t.Fatalf("attempt %d: %s (%d)", attempt+1, r.ID, r.Attempt)
		}
		if attempt < 2 {
			if err := r.Reply.Again(t.Context(), time.Millisecond); err != nil {
				t.Fatal(err)
			}
		} else if err := r.Reply.Ack(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if r := fetch(t, c, 1)[0]; r.ID != "b" {
		t.Errorf("then %s, want b", r.ID)
	}
}

func TestOverlappingSubjectsDeliverOnce(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	publish(t, b, event("a"))
	publish(t, b, event("b"))
	c := consume(t, b, bus.ConsumerConfig{Durable: "d",
		Subjects: []string{"events.test.>", "events.test.happened.v1", "events.*.happened.v1"}})
	got := fetch(t, c, 2)
	if got[0].ID != "a" || got[1].ID != "b" {
		t.Errorf("got %v", got)
	}
}

func TestDeletedConsumerEndsItsReader(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	publish(t, b, event("a"))
	c := consume(t, b, bus.ConsumerConfig{Durable: "gone"})
	fetch(t, c, 1)
	if err := b.DeleteConsumer(t.Context(), relay.StreamEvents, "gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(within(t, 20*time.Second), 1); !errors.Is(err, bus.ErrConsumerGone) {
		t.Errorf("error %v, want gone", err)
	}
	c.Stop()
}

func TestOrderedReaderStartsWhereItIsTold(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	for i := range 5 {
		publish(t, b, event(fmt.Sprint(i)))
	}
	c := consume(t, b, bus.ConsumerConfig{Start: bus.Start{Sequence: 3}})
	for i, r := range fetch(t, c, 3) {
		if r.ID != fmt.Sprint(i+2) || r.Reply != nil {
			t.Errorf("message %d: %+v", i, r)
		}
	}
}

func TestRequestsAreAnsweredOrEnd(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	stop, err := b.Serve("filters.>", "filters", func(_ context.Context, m relay.Message) relay.Message {
		return relay.Message{ID: "r", Type: m.Type, Source: m.Subject, Body: append([]byte("re: "), m.Body...)}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	answer, err := b.Request(within(t, 10*time.Second), "filters.A", event("q"))
	if err != nil || string(answer.Body) != `re: {"n":"q"}` || answer.Source != "filters.A" {
		t.Errorf("answer %+v, %v", answer, err)
	}
	if _, err := b.Request(within(t, 10*time.Second), "nobody.there", event("q")); relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("nobody: %v", err)
	}
}

func TestStoppedReaderGivesBackWhatItFetchedAhead(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	for i := range 100 {
		publish(t, b, event(fmt.Sprint(i)))
	}
	config := bus.ConsumerConfig{Durable: "handover", AckWait: time.Hour}
	first := consume(t, b, config)
	held := fetch(t, first, 10)
	first.Stop()
	second := consume(t, b, config)
	seen := map[string]bool{}
	for _, r := range append(fetch(t, second, 90), held...) {
		seen[r.ID] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d of 100 messages seen", len(seen))
	}
}
