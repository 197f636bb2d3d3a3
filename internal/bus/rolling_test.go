package bus_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestReadsGoOnWhileTheServersOfAClusterAreRestarted(t *testing.T) {
	t.Parallel()
	const patience = 90 * time.Second // of a busy machine
	cluster := embeddedtest.NATSCluster(t)
	b, err := bus.Connect(t.Context(), bus.Config{URL: cluster.URL(), Replicas: 3, ReadPatience: patience, AwayPatience: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	const messages = 20
	for i := range messages {
		publish(t, b, event(fmt.Sprint(i)))
	}
	if err := b.EnsureConsumer(t.Context(), bus.ConsumerConfig{Stream: relay.StreamEvents, Durable: "reader"}); err != nil {
		t.Fatal(err)
	}
	reads := map[string]func(context.Context) error{
		"newest": func(ctx context.Context) error {
			got, err := b.Newest(ctx, relay.LogQuery{Stream: relay.StreamEvents, Limit: messages + 1})
			if err == nil && len(got) != messages {
				err = fmt.Errorf("%d of %d messages", len(got), messages)
			}
			return err
		},
		"walk": func(ctx context.Context) error {
			seen := 0
			err := b.Walk(ctx, relay.LogWalk{Stream: relay.StreamEvents}, func(relay.Received) (bool, error) { seen++; return true, nil })
			if err == nil && seen != messages {
				err = fmt.Errorf("%d of %d messages", seen, messages)
			}
			return err
		},
		"message":  func(ctx context.Context) error { _, err := b.Message(ctx, relay.StreamEvents, messages); return err },
		"stream":   func(ctx context.Context) error { _, err := b.Stream(ctx, relay.StreamEvents); return err },
		"subjects": func(ctx context.Context) error { _, err := b.Subjects(ctx, relay.StreamEvents, ">"); return err },
		"consumer": func(ctx context.Context) error {
			_, err := b.ConsumerInfo(ctx, relay.StreamEvents, "reader")
			return err
		},
		"consumers": func(ctx context.Context) error { _, err := b.Consumers(ctx, relay.StreamEvents); return err },
	}
	var reading sync.WaitGroup
	var rounds atomic.Int64 // reads of all kinds
	stop := make(chan struct{})
	for name, read := range reads {
		reading.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				if err := read(ctx); err != nil {
					t.Errorf("%s after %s: %v", name, time.Since(begun).Round(time.Millisecond), err)
				}
				cancel()
				rounds.Add(1)
			}
		})
	}
	for i := range 3 {
		cluster.Retire(i)
		cluster.Start(i)
		n := rounds.Load()
		await(t, patience, "the copies are not whole again", func() bool {
			all, unanswered, err := b.Copies(t.Context(), relay.StreamEvents)
			return err == nil && unanswered == 0 && rounds.Load() > n+100 && !slices.ContainsFunc(all, func(c bus.Copies) bool { return !c.Whole() })
		})
	}
	close(stop)
	reading.Wait()
}

func await(t *testing.T, most time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
