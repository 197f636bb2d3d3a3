package bus_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestASnapshotTakenUnderLoadComesBackWithItsSequencesAndTimes(t *testing.T) {
	t.Parallel()
	from := newGround(t).connect()
	for i := range 50 {
		publish(t, from, event(fmt.Sprint("before-", i)))
	}
	var load sync.WaitGroup
	stop := make(chan struct{})
	load.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				publish(t, from, event(fmt.Sprint("during-", i)))
			}
		}
	})
	var kept bytes.Buffer
	snapshot, err := from.Snapshot(t.Context(), relay.StreamEvents, &kept)
	close(stop)
	load.Wait()
	if err != nil {
		t.Fatal(err)
	}

	target := newGround(t)
	first := target.connect() // with empty streams, as a starting edrelay makes them
	if err := first.RestoreStream(t.Context(), snapshot, &kept); err != nil {
		t.Fatal(err)
	}
	target.stop() // the server knows earlier DedupIDs of a restored stream from its next start on
	target.start()
	to := target.connect()
	for _, sequence := range []uint64{1, 17, 50} {
		was, err := from.Message(t.Context(), relay.StreamEvents, sequence)
		if err != nil {
			t.Fatal(err)
		}
		got, err := to.Message(t.Context(), relay.StreamEvents, sequence)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != was.ID || !got.Stored.Equal(was.Stored) || !bytes.Equal(got.Body, was.Body) || got.Subject != was.Subject {
			t.Errorf("sequence %d is %+v, was %+v", sequence, got, was)
		}
	}
	if again := publish(t, to, event("before-3")); !again.Duplicate {
		t.Error("a message of before the restore was taken a second time")
	}
	last, err := to.Stream(t.Context(), relay.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if next := publish(t, to, event("after")); next.Sequence != last.Last+1 || next.Sequence <= 50 {
		t.Errorf("the next sequence is %d after %d", next.Sequence, last.Last)
	}
}

func TestARestoredConsumerGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	from := newGround(t).connect()
	for i := range 10 {
		publish(t, from, event(fmt.Sprint(i)))
	}
	config := bus.ConsumerConfig{Stream: relay.StreamEvents, Durable: "crm", Subjects: []string{"events.test.>"}, MaxAckPending: 1}
	reader, err := from.Consumer(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 20*time.Second)
	for range 4 {
		got, err := reader.Fetch(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := got[0].Reply.Ack(ctx); err != nil {
			t.Fatal(err)
		}
	}
	positions, err := from.Positions(t.Context(), relay.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer
	snapshot, err := from.Snapshot(t.Context(), relay.StreamEvents, &kept)
	if err != nil {
		t.Fatal(err)
	}

	to := newGround(t).connect()
	if err := to.RestoreStream(t.Context(), snapshot, &kept); err != nil {
		t.Fatal(err)
	}
	if len(positions) != 1 || positions[0].Next != 5 {
		t.Fatalf("positions %+v", positions)
	}
	if err := to.RestorePosition(t.Context(), positions[0]); err != nil {
		t.Fatal(err)
	}
	if reader, err = to.Consumer(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	got, err := reader.Fetch(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Sequence != 5 {
		t.Errorf("it goes on at %d, not 5", got[0].Sequence)
	}
}

func TestAStreamWithMessagesIsNotOverwritten(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	publish(t, b, event("1"))
	var kept bytes.Buffer
	snapshot, err := b.Snapshot(t.Context(), relay.StreamEvents, &kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.RestoreStream(t.Context(), snapshot, &kept); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("got %v", err)
	}
	if info, err := b.Stream(t.Context(), relay.StreamEvents); err != nil || info.Messages != 1 {
		t.Errorf("the stream is %+v, %v", info, err)
	}
}

func TestABrokenSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	from := newGround(t).connect()
	for i := range 20 {
		publish(t, from, event(fmt.Sprint(i)))
	}
	var kept bytes.Buffer
	snapshot, err := from.Snapshot(t.Context(), relay.StreamEvents, &kept)
	if err != nil {
		t.Fatal(err)
	}
	to := newGround(t).connect()
	if err := to.RestoreStream(t.Context(), snapshot, bytes.NewReader(kept.Bytes()[:kept.Len()/2])); err == nil {
		t.Error("half a snapshot was taken")
	}
}
