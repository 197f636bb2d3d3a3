package bridge_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/bridge"
)

func TestEveryTypeOnTheBusArrivesDecodedBeforeAndDuringTheRun(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	var want []relay.Message
	for _, event := range g.catalogue.Events() {
		m, err := g.catalogue.SampleEvent(event.Type, eventID(len(want)), time.Unix(1_760_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.catalogue.EncodeBus(m); err == nil {
			want = append(want, m)
		}
	}
	if len(want) != 73 {
		t.Fatalf("%d types can be on the bus", len(want))
	}
	add := func(m relay.Message) {
		entry, err := g.catalogue.EncodeBus(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.redis.client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: values(entry)}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range want[:40] {
		add(m)
	}
	g.run(g.options())
	for _, m := range want[40:] {
		add(m)
	}
	for i, got := range g.read(relay.StreamEvents, "events.>", len(want)) {
		if got.ID != want[i].ID || got.Subject != "events."+want[i].Type || string(got.Body) != string(want[i].Body) ||
			!got.Time.Equal(want[i].Time) || got.Header[relay.HeaderSourceLib] != want[i].Header[relay.HeaderSourceLib] {
			t.Errorf("%d\n got %+v\nwant %+v", i, got.Message, want[i])
		}
	}
	g.acknowledged("edrelay")
}

func TestPoisonIsParkedByteForByteAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	registry := prometheus.NewRegistry()
	entry, err := g.catalogue.EncodeBus(g.event(1))
	if err != nil {
		t.Fatal(err)
	}
	cut, unknown := entry, entry
	cut.Data, cut.ID = entry.Data[:len(entry.Data)-1], eventID(2)
	unknown.Type = "org.openedx.learning.brand.new.v1"
	for _, fields := range [][]any{
		values(entry), values(cut), values(unknown), {"foreign", "\x00\xff\r\n", "event_data", "\xff\x00"}, values(entry)[:14],
	} {
		if err := g.redis.client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: fields}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	g.add(3, 3)
	o := g.options()
	o.Metrics = registry
	g.run(o)
	events := g.read(relay.StreamEvents, "events.>", 2)
	if events[0].ID != eventID(1) || events[1].ID != eventID(3) {
		t.Errorf("events %v", events)
	}
	parked := g.read(relay.StreamRejected, "rejected.bridge.>", 4)
	var reasons []string
	for i, m := range parked {
		reasons = append(reasons, m.Header[relay.HeaderReason])
		back, err := openedx.ParkedEntry(m.Message)
		if err != nil || back.Stream != key {
			t.Fatalf("%d: %+v %v", i, back, err)
		}
	}
	if !slices.Equal(reasons, []string{"avro", "unknown", "type", "avro"}) {
		t.Errorf("reasons %v", reasons)
	}
	if string(parked[0].Body) != string(cut.Data) || string(parked[2].Body) != "\xff\x00" || parked[0].Subject != "rejected.bridge.avro" {
		t.Errorf("parked %q %q", parked[0].Body, parked[2].Body)
	}
	foreign, _ := openedx.ParkedEntry(parked[2].Message)
	if want := [][2]string{{"foreign", "\x00\xff\r\n"}, {"event_data", "\xff\x00"}}; !slices.Equal(foreign.Fields, want) {
		t.Errorf("fields %q", foreign.Fields)
	}
	g.acknowledged("edrelay")
	const metric = `# HELP edrelay_bridge_unknown_types_total Entries of event types that the catalogue doesn't know; they are parked.
# TYPE edrelay_bridge_unknown_types_total counter
edrelay_bridge_unknown_types_total 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(metric), "edrelay_bridge_unknown_types_total"); err != nil {
		t.Error(err)
	}
}

func TestSeveralBridgesShareTheWork(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = 2000
	g.add(1, events)
	for _, name := range []string{"one", "two", "three"} {
		o := g.options()
		o.Consumer, o.Batch = name, 20
		g.run(o)
	}
	g.acknowledged("edrelay")
	if got := g.total(relay.StreamEvents); got != events {
		t.Errorf("%d events on the log", got)
	}
	consumers, err := g.redis.client.XInfoConsumers(t.Context(), key, "edrelay").Result()
	if err != nil || len(consumers) != 3 {
		t.Errorf("consumers %v %v", consumers, err)
	}
}

func TestWhatADeadConsumerHeldIsTakenOver(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 30)
	if err := g.redis.client.XGroupCreate(t.Context(), key, "edrelay", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := g.redis.client.XReadGroup(t.Context(), &redis.XReadGroupArgs{
		Group: "edrelay", Consumer: "dead", Streams: []string{key, ">"}, Count: 20}).Err(); err != nil {
		t.Fatal(err)
	}
	o := g.options()
	o.ClaimIdle = 20 * time.Millisecond
	g.run(o)
	g.acknowledged("edrelay")
	if got := g.total(relay.StreamEvents); got != 30 {
		t.Errorf("%d events on the log", got)
	}
}

func TestTheGroupIsNeverSetBackOrForth(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 10)
	stop := g.run(g.options())
	g.acknowledged("edrelay")
	stop()
	g.add(11, 20) // while no bridge runs
	stop = g.run(g.options())
	g.acknowledged("edrelay")
	stop()
	if got := g.total(relay.StreamEvents); got != 20 {
		t.Errorf("%d events on the log", got)
	}
	other := g.options()
	other.Group = "another"
	g.run(other) // begins at the beginning: the log has them all already
	g.acknowledged("another")
	if got := g.total(relay.StreamEvents); got != 20 {
		t.Errorf("%d events on the log after a second group", got)
	}
}

// failing is a log that is away until it is mended.
type failing struct {
	bridge.Publisher
	mu     sync.Mutex
	broken bool
	tried  chan struct{}
}

func (f *failing) PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		select {
		case f.tried <- struct{}{}:
		default:
		}
		return nil, relay.Errorf(relay.CodeUnavailable, "The log is away.")
	}
	return f.Publisher.PublishBatch(ctx, messages)
}

func TestNothingIsAcknowledgedBeforeTheLogHasIt(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 300)
	log := &failing{Publisher: g.bus, broken: true, tried: make(chan struct{}, 1)}
	o := g.options()
	o.Publish = log
	g.run(o)
	for range 3 {
		<-log.tried
	}
	pending, err := g.redis.client.XPending(t.Context(), key, "edrelay").Result()
	if err != nil || pending.Count == 0 {
		t.Fatalf("pending %+v %v", pending, err)
	}
	if got := g.total(relay.StreamEvents); got != 0 {
		t.Fatalf("%d events on a log that is away", got)
	}
	log.mu.Lock()
	log.broken = false
	log.mu.Unlock()
	g.acknowledged("edrelay")
	for i, m := range g.read(relay.StreamEvents, "events.>", 300) {
		if m.ID != eventID(i+1) {
			t.Fatalf("event %d is %s: the order is lost", i, m.ID)
		}
	}
}

// tight is a log that takes no message as large as the limit.
type tight struct {
	bridge.Publisher
	limit int
}

func (l tight) PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error) {
	for _, m := range messages {
		if len(m.Body) >= l.limit && strings.HasPrefix(m.Subject, "events.") {
			return nil, relay.Errorf(relay.CodeTooLarge, "The message is larger than the log takes.")
		}
	}
	return l.Publisher.PublishBatch(ctx, messages)
}

func TestAnEventTooLargeForTheLogIsParkedAlone(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 5)
	big := g.event(6)
	big.Body = []byte(strings.Replace(string(big.Body), `"ana"`, `"`+strings.Repeat("a", 5000)+`"`, 1))
	entry, err := g.catalogue.EncodeBus(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.redis.client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: values(entry)}).Err(); err != nil {
		t.Fatal(err)
	}
	g.add(7, 9)
	o := g.options()
	o.Publish = tight{g.bus, 5000}
	g.run(o)
	g.acknowledged("edrelay")
	parked := g.read(relay.StreamRejected, "rejected.bridge.size", 1)
	if back, err := g.catalogue.Unpark(parked[0].Message); err != nil || back.ID != eventID(6) || string(back.Body) != string(big.Body) {
		t.Errorf("%v %v", back.ID, err)
	}
	if got := g.total(relay.StreamEvents); got != 8 {
		t.Errorf("%d events on the log", got)
	}
}

func TestAnEntryTooLargeEvenToBeParkedStaysInRedisAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 5)
	err := g.redis.client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: []any{
		"type", registration, "id", eventID(6), "event_data", strings.Repeat("\x00", 5<<20)}}).Err()
	if err != nil {
		t.Fatal(err)
	}
	g.add(7, 9)
	g.run(g.options())
	g.read(relay.StreamEvents, "events.>", 8)
	eventually(t, "all but the large one acknowledged", func() bool {
		pending, err := g.redis.client.XPending(t.Context(), key, "edrelay").Result()
		return err == nil && pending.Count == 1
	})
	if rejected := g.total(relay.StreamRejected); rejected != 0 {
		t.Errorf("%d rejected", rejected)
	}
}

func TestSettingsAreJudgedWithoutShowingThePassword(t *testing.T) {
	t.Parallel()
	catalogue, err := openedx.Load()
	if err != nil {
		t.Fatal(err)
	}
	good := bridge.Options{RedisURL: "redis://:secret-pw@127.0.0.1:1/0", Topics: []string{"a"}, Publish: &failing{}, Catalogue: catalogue}
	if _, err := bridge.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*bridge.Options){
		"no topics":   func(o *bridge.Options) { o.Topics = nil },
		"no URL":      func(o *bridge.Options) { o.RedisURL = "" },
		"broken URL":  func(o *bridge.Options) { o.RedisURL = "redis://:secret-pw@[::1" },
		"other URL":   func(o *bridge.Options) { o.RedisURL = "http://:secret-pw@host" },
		"no log":      func(o *bridge.Options) { o.Publish = nil },
		"unknown key": func(o *bridge.Options) { o.RedisURL += "?secret-pw=1" },
	} {
		o := good
		change(&o)
		_, err := bridge.New(o)
		if err == nil || strings.Contains(err.Error(), "secret-pw") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := bridge.Check(t.Context(), good); err == nil || strings.Contains(err.Error(), "secret-pw") {
		t.Errorf("check: %v", err)
	}
}

func TestCheckSeesVersionAndType(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	if version, err := bridge.Check(t.Context(), g.options()); err != nil || version == "" {
		t.Errorf("%q %v", version, err)
	}
	if err := g.redis.client.Set(t.Context(), key, "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := bridge.Check(t.Context(), g.options()); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("a text under the key: %v", err)
	}
}
