package bridge_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/edrelay/edrelay/internal/relay"
)

type loss struct {
	Stream        string
	Lost          int
	After, Before string
}

func TestEntriesTrimmedUnreadAreNoticedCountedAndReported(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	registry := prometheus.NewRegistry()
	g.add(1, 50)
	stop := g.run(g.options())
	g.acknowledged("edrelay")
	stop()
	for round, lost := range []int{30, 7} { // the second time Redis' own count may be off by the first loss
		first := 51 + round*100
		g.add(first, first+99)
		if err := g.redis.client.XTrimMaxLen(t.Context(), key, int64(100-lost)).Err(); err != nil {
			t.Fatal(err)
		}
		o := g.options()
		o.Metrics = registry
		if round > 0 {
			o.Metrics = nil
		}
		o.Batch = 1000
		stop = g.run(o)
		g.acknowledged("edrelay")
		reports := g.read(relay.StreamRejected, "rejected.bridge.trimmed", round+1)
		var got loss
		if err := json.Unmarshal(reports[round].Body, &got); err != nil {
			t.Fatal(err)
		}
		if got.Stream != key || got.Lost != lost && round == 0 || got.Lost < lost || got.After == "" || got.Before == "" {
			t.Errorf("round %d: %+v, want %d lost", round, got, lost)
		}
		stop()
	}
	if got := g.total(relay.StreamEvents); got != 50+70+93 {
		t.Errorf("%d events on the log", got)
	}
	const metric = `# HELP edrelay_bridge_lost_total Entries that Redis trimmed before they were read.
# TYPE edrelay_bridge_lost_total counter
edrelay_bridge_lost_total{stream="dev-learning"} 30
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(metric), "edrelay_bridge_lost_total"); err != nil {
		t.Error(err)
	}
}

func TestWhatWasTrimmedBeforeTheFirstRunIsNoLoss(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 100)
	if err := g.redis.client.XTrimMaxLen(t.Context(), key, 40).Err(); err != nil {
		t.Fatal(err)
	}
	stop := g.run(g.options())
	g.acknowledged("edrelay")
	g.add(101, 120)
	if err := g.redis.client.XTrimMaxLen(t.Context(), key, 20).Err(); err != nil { // what was read may go
		t.Fatal(err)
	}
	g.acknowledged("edrelay")
	stop()
	if events, rejected := g.total(relay.StreamEvents), g.total(relay.StreamRejected); events != 60 || rejected != 0 {
		t.Errorf("%d events, %d reports", events, rejected)
	}
}

func TestALossIsSeenWhileTheBridgeRuns(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 100)
	log := &failing{Publisher: g.bus, tried: make(chan struct{}, 1)}
	o := g.options()
	o.Publish, o.Batch = log, 10
	g.run(o)
	g.acknowledged("edrelay")
	log.mu.Lock()
	log.broken = true
	log.mu.Unlock()
	g.add(101, 160)
	<-log.tried
	if err := g.redis.client.XTrimMaxLen(t.Context(), key, 5).Err(); err != nil { // pending ones go, and unread ones
		t.Fatal(err)
	}
	log.mu.Lock()
	log.broken = false
	log.mu.Unlock()
	g.acknowledged("edrelay")
	g.read(relay.StreamRejected, "rejected.bridge.trimmed", 1)
}
