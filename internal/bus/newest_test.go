package bus_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/internal/relay"
)

func typed(id, eventType string) relay.Message {
	m := event(id)
	m.Type, m.Subject = eventType, relay.EventSubject(eventType)
	return m
}

func TestNewestPagesBackwardsThroughWhatMatches(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	const messages = 120
	types := make([]string, messages+1)
	var stored [messages + 1]relay.Received
	for i := 1; i <= messages; i++ {
		types[i] = "common.v1"
		if i%17 == 0 {
			types[i] = "rare.thing.v1"
		}
		publish(t, b, typed(fmt.Sprint(i), types[i]))
	}
	for i := 1; i <= messages; i++ {
		m, err := b.Message(t.Context(), relay.StreamEvents, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		stored[i] = m
	}
	rapid.Check(t, func(rt *rapid.T) {
		pattern := rapid.SampledFrom([]string{"", "events.common.v1", "events.rare.>", "events.none"}).Draw(rt, "pattern")
		q := relay.LogQuery{Stream: relay.StreamEvents, Limit: rapid.IntRange(1, 60).Draw(rt, "limit"),
			Before: rapid.Uint64Range(0, messages+5).Draw(rt, "before"), NoBody: rapid.Bool().Draw(rt, "no body")}
		if pattern != "" {
			q.Subjects = []string{pattern}
		}
		if at := rapid.IntRange(0, messages).Draw(rt, "until"); at > 0 {
			q.Until = stored[at].Stored
		}
		if at := rapid.IntRange(0, messages).Draw(rt, "since"); at > 0 {
			q.Since = stored[at].Stored
		}
		var want []uint64
		for i := messages; i >= 1 && len(want) < q.Limit; i-- {
			fits := pattern == "" || "events."+types[i] == pattern || strings.HasSuffix(pattern, ">") && strings.HasPrefix("events."+types[i], strings.TrimSuffix(pattern, ">"))
			fits = fits && (q.Before == 0 || uint64(i) < q.Before) && !stored[i].Stored.Before(q.Since)
			if fits && (q.Until.IsZero() || stored[i].Stored.Before(q.Until)) {
				want = append(want, uint64(i))
			}
		}
		got, err := b.Newest(t.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		var sequences []uint64
		for _, m := range got {
			sequences = append(sequences, m.Sequence)
			if m.ID != fmt.Sprint(m.Sequence) || q.NoBody != (len(m.Body) == 0) || !m.Stored.Equal(stored[m.Sequence].Stored) {
				rt.Fatalf("message %d came back as %+v", m.Sequence, m)
			}
		}
		if fmt.Sprint(sequences) != fmt.Sprint(want) {
			rt.Fatalf("%+v: got %v, want %v", q, sequences, want)
		}
	})
}

func TestNewestLeavesNoConsumerBehind(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	for i := range 5 {
		publish(t, b, event(fmt.Sprint(i)))
	}
	if _, err := b.Newest(t.Context(), relay.LogQuery{Stream: relay.StreamEvents, Limit: 2}); err != nil {
		t.Fatal(err)
	}
	list, err := b.Consumers(t.Context(), relay.StreamEvents)
	if err != nil || len(list) != 0 {
		t.Fatalf("consumers %v, %v", list, err)
	}
}
