package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/edrelay/doctor"
)

// ward is a cluster of three NATS servers with the log on it.
type ward struct {
	t       *testing.T
	cluster *embeddedtest.Cluster
	config  *config.Config
}

func newWard(t *testing.T, copies int) *ward {
	t.Helper()
	w := &ward{t: t, cluster: embeddedtest.NATSCluster(t), config: config.Default()}
	w.config.DataDir, w.config.NATS.URL, w.config.NATS.Replicas = t.TempDir(), w.cluster.URL(), copies
	w.joined(copies)
	return w
}

// joined does what a service that starts does: it makes the streams, or changes them to so many copies.
func (w *ward) joined(copies int) {
	w.t.Helper()
	log, err := bus.Connect(w.t.Context(), bus.Config{URL: w.cluster.URL(), Replicas: copies})
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	if err := log.EnsureStreams(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if err := log.EnsureConsumer(w.t.Context(), bus.ConsumerConfig{Stream: relay.StreamEvents, Durable: "sub-crm"}); err != nil {
		w.t.Fatal(err)
	}
}

// until examines until a finding of that check reads so, for what becomes of a cluster takes its time.
func (w *ward) until(check string, state doctor.State, says ...string) {
	w.t.Helper()
	var found []doctor.Finding
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		found = doctor.Examine(w.t.Context(), doctor.Patient{Config: w.config, Admin: "http://127.0.0.1:1", Now: time.Now})
		for _, f := range found {
			if f.State != doctor.Good && f.Hint == "" {
				w.t.Fatalf("nothing is said to do about %+v", f)
			}
			if f.Check == check && f.State == state && contains(f.Detail, says...) {
				return
			}
		}
	}
	w.t.Fatalf("no %s of %q says %q: %+v", state, check, says, found)
}

func contains(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

func TestACopyThatIsMissingIsNamedWithItsServer(t *testing.T) {
	t.Parallel()
	w := newWard(t, 3)
	w.until("nats copies", doctor.Good, "3 up-to-date copies of 3 streams and 1 consumer")
	w.cluster.Stop(1)
	w.until("nats copies EVENTS", doctor.Warning, "out of reach on n2", "the stream", "sub-crm")
	w.until("nats copies WEBHOOKS", doctor.Warning, "out of reach on n2")
	w.cluster.Start(1)
	w.until("nats copies", doctor.Good, "3 up-to-date copies")
	w.cluster.Stop(0)
	w.cluster.Stop(1)
	w.until("nats", doctor.Bad, "JetStream is not there")
}

func TestFewerCopiesThanConfiguredAreTold(t *testing.T) {
	t.Parallel()
	w := newWard(t, 1)
	w.until("nats copies", doctor.Warning, "nats.replicas is 1", `cluster "test"`)
	w.config.NATS.Replicas = 3
	w.until("nats copies EVENTS", doctor.Bad, "1 copy", "asks for 3")
	w.joined(3) // as the hint says
	w.until("nats copies", doctor.Good, "3 up-to-date copies")
}

func TestCopiesWithoutAClusterAreRefused(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir, c.NATS.URL, c.NATS.Replicas = t.TempDir(), embeddedtest.NATS(t), 3
	withLog(t, c.NATS.URL)
	if f := examine(t, c)["nats copies"]; f.State != doctor.Bad || !strings.Contains(f.Detail, "in no cluster") {
		t.Errorf("%+v", f)
	}
}

func TestAStreamThatTakesNoAtomicBatchesIsTold(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir, c.NATS.URL = t.TempDir(), embeddedtest.NATS(t)
	js := withLog(t, c.NATS.URL)
	if f := examine(t, c)["nats atomic batches"]; f.State != doctor.Good {
		t.Errorf("as edrelay makes the streams: %+v", f)
	}
	stream, err := js.Stream(t.Context(), relay.StreamWebhooks)
	if err != nil {
		t.Fatal(err)
	}
	without := stream.CachedInfo().Config
	without.AllowAtomicPublish = false
	if _, err := js.UpdateStream(t.Context(), without); err != nil {
		t.Fatal(err)
	}
	if f := examine(t, c)["nats atomic batches"]; f.State != doctor.Warning || !strings.Contains(f.Detail, relay.StreamWebhooks) {
		t.Errorf("switched off: %+v", f)
	}
}

// withLog makes the streams on one server.
func withLog(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	log, err := bus.Connect(t.Context(), bus.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	if err := log.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(url)
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
