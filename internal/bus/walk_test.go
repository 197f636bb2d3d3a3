package bus_test

import (
	"errors"
	"fmt"
	"testing"

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
