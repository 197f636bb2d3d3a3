package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

func rawStreams(t testing.TB, g *ground) jetstream.JetStream {
	conn, err := nats.Connect(g.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestStreamsOfAnotherConfigAreBroughtIntoLine(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	js := rawStreams(t, g)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.old.>"},
		MaxAge: time.Hour, MaxMsgs: 5, Discard: jetstream.DiscardNew, Metadata: map[string]string{"owner": "ops"}}); err != nil {
		t.Fatal(err)
	}
	b := g.connect()
	for i := range 10 {
		publish(t, b, event(string(rune('a'+i))))
	}
	stream, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	got := stream.CachedInfo().Config
	if got.MaxAge != 30*24*time.Hour || got.Duplicates < 24*time.Hour || !got.AllowAtomicPublish || !got.AllowDirect ||
		got.Metadata["owner"] != "ops" {
		t.Errorf("config after: %+v", got)
	}
}

func TestRejectedIsBounded(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.connect(func(c *bus.Config) { c.Retention.RejectedBytes = 64 << 10 })
	for i := range 40 {
		m := event(string(rune('A' + i)))
		m.Subject, m.Body = relay.RejectedSubject("shop", "signature"), make([]byte, 8<<10)
		publish(t, b, m)
	}
	info, err := b.Stream(t.Context(), relay.StreamRejected)
	if err != nil || info.Bytes > 64<<10 || info.Last != 40 || info.Messages == 0 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestPublishWorksOnAStreamWithoutBatches(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.connect()
	js := rawStreams(t, g)
	stream, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.AllowAtomicPublish = false
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	var batch []relay.Message
	for i := range 60 {
		batch = append(batch, event(string(rune('A'+i))))
	}
	for range 2 {
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
}

func TestDeletedMessageIsGone(t *testing.T) {
	t.Parallel()
	b := newGround(t).connect()
	receipt := publish(t, b, event("a"))
	for range 2 {
		if err := b.Delete(t.Context(), relay.StreamEvents, receipt.Sequence); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Message(t.Context(), relay.StreamEvents, receipt.Sequence); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("error %v, want not found", err)
	}
}

func TestConnectSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := bus.Connect(t.Context(), bus.Config{URL: "nats://127.0.0.1:1"})
	if relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("no server: %v", err)
	}
}
