package notifier_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Bounds of a thousand subscriptions on one notifier: memory of each while nothing happens, the log's consumer and the
// connections in the same process included, and the time in which one event reaches all of them.
const (
	manySubscriptions = 1000
	manyIdleMost      = 256 << 10 // bytes each
	manyWithin        = 10 * time.Second
)

// It is alone in the process, because it measures memory.
func TestAThousandSubscriptionsAreCheapAndAllHear(t *testing.T) {
	g := newGround(t)
	var calls atomic.Int64
	all := make(chan struct{})
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) == manySubscriptions {
			close(all)
		}
	}))
	t.Cleanup(target.Close)
	before := resident()
	g.run()
	declared := make([]json.RawMessage, manySubscriptions)
	for i := range declared {
		declared[i] = fmt.Appendf(nil, `{"name":"s%d","url":%q,"events":["test.*"]}`, i, fmt.Sprint(target.URL, "/", i))
	}
	began := time.Now()
	applied, err := g.registry.ApplySubscriptions(t.Context(), declared, false, false)
	must(t, err)
	if len(applied.Changes) != manySubscriptions {
		t.Fatalf("%d changes", len(applied.Changes))
	}
	took := time.Since(began)
	began = time.Now()
	g.publish(1, 1)
	select {
	case <-all:
	case <-time.After(patience):
		t.Fatalf("%d of %d subscriptions heard within %s", calls.Load(), manySubscriptions, patience)
	}
	reached := time.Since(began)
	each := (resident() - before) / manySubscriptions // now each has its consumer open, and a connection
	t.Logf("%d subscriptions: applied in %s, %d KiB each when idle, one event to all in %s", manySubscriptions,
		took.Round(time.Millisecond), each>>10, reached.Round(time.Millisecond))
	if each > manyIdleMost {
		t.Errorf("%d bytes for each idle subscription", each)
	}
	if reached > manyWithin {
		t.Errorf("one event took %s to all", reached)
	}
}

// resident is the memory in use for the heap and stacks, after a collection.
func resident() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
