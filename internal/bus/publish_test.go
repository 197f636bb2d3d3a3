package bus_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestPublishIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	m := event("a")
	m.About, m.Header = `läs "50%"`, map[string]string{"ce-sourcelib": "10.5.0", "traceparent": "00-1-2-01", "x-shopify-topic": "orders/create"}
	receipt := publish(t, b, m)
	got, err := b.Message(t.Context(), relay.StreamEvents, receipt.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Message) != fmt.Sprint(m) {
		t.Errorf("read %v\nwrote %v", got.Message, m)
	}
	if got.Stream != relay.StreamEvents || got.Sequence != receipt.Sequence || got.Stored.IsZero() {
		t.Errorf("place on the log: %+v", got)
	}
}

func TestConcurrentPublishesEachGetTheirOwnSequence(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	const callers, each = 64, 20
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[uint64]string{}
	)
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", c, i)
				receipt, err := b.Publish(t.Context(), event(id))
				if err != nil || receipt.Duplicate {
					t.Errorf("publish %s: %+v, %v", id, receipt, err)
					return
				}
				mu.Lock()
				seen[receipt.Sequence] = id
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != callers*each {
		t.Fatalf("%d distinct sequences, want %d", len(seen), callers*each)
	}
	for sequence, id := range seen {
		if got, err := b.Message(t.Context(), relay.StreamEvents, sequence); err != nil || got.ID != id {
			t.Fatalf("sequence %d holds %q (%v), want %q", sequence, got.ID, err, id)
		}
	}
}

func TestRepeatsAreReportedAsDuplicatesHoweverTheyAreGrouped(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	first := publish(t, b, event("old"))
	var group []relay.Message
	for i := range 100 {
		group = append(group, event(fmt.Sprint("new", i%40))) // each of 40 ids two or three times
	}
	group = append(group, event("old"))
	receipts, err := b.PublishBatch(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	sequences := map[string]uint64{"old": first.Sequence}
	fresh := 0
	for i, receipt := range receipts {
		id := group[i].ID
		if known, ok := sequences[id]; ok && known != receipt.Sequence {
			t.Errorf("%s has sequences %d and %d", id, known, receipt.Sequence)
		}
		sequences[id] = receipt.Sequence
		if !receipt.Duplicate {
			fresh++
		}
	}
	if fresh != 40 {
		t.Errorf("%d messages written, want 40", fresh)
	}
	if info, _ := b.Stream(t.Context(), relay.StreamEvents); info.Messages != 41 {
		t.Errorf("%d messages on the log, want 41", info.Messages)
	}
}

func TestPublishBatchKeepsTheOrder(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect(func(c *bus.Config) { c.GroupMax = 50 })
	var batch []relay.Message
	for i := range 1000 {
		batch = append(batch, event(fmt.Sprint(i)))
	}
	receipts, err := b.PublishBatch(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, receipt := range receipts {
		if receipt.Sequence != uint64(i+1) {
			t.Fatalf("message %d has sequence %d", i, receipt.Sequence)
		}
	}
}

func TestWhatTheLogCannotTakeIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	large := event("large")
	large.Body = make([]byte, 5<<20)
	if _, err := b.Publish(t.Context(), large); relay.CodeOf(err) != relay.CodeTooLarge {
		t.Errorf("body: %v", err)
	}
	wide := event("wide")
	wide.Header = map[string]string{"x": strings.Repeat("a", 70<<10)}
	if _, err := b.Publish(t.Context(), wide); relay.CodeOf(err) != relay.CodeTooLarge {
		t.Errorf("headers: %v", err)
	}
	stray := event("stray")
	stray.Subject = "elsewhere.a"
	if _, err := b.Publish(t.Context(), stray); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("subject: %v", err)
	}
}
