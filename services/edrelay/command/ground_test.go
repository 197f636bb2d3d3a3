package command

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/console"
)

const testToken = "admin-token-of-the-test"

// operated is an edrelay that commands are run against.
type operated struct {
	t     *testing.T
	env   []string
	store *store.Store
	bus   *bus.Bus
}

func operate(t *testing.T) *operated {
	t.Helper()
	o := &operated{t: t, store: storetest.Open(t)}
	var err error
	if o.bus, err = bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.bus.Close)
	if err := o.bus.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	registry := o.subscriptions()
	service, err := console.New(console.Options{
		Listener: listener, Token: testToken, Log: slog.New(slog.DiscardHandler),
		Ports: console.Ports{Webhooks: o.store, Enrollments: o.store, Log: o.bus, Publish: o.bus, Keys: o.store, Audit: o.store, Filters: o.filters(), Subscriptions: registry, Deliveries: registry},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "admin.token"), []byte(testToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.env = []string{"EDRELAY_DATA_DIR=" + data, "EDRELAY_SERVER=http://" + listener.Addr().String()}
	return o
}

type outcome struct {
	status   int
	out, err string
}

func (o *operated) run(args ...string) outcome { return runWith(o.t, o.env, args...) }

func runWith(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	app := &App{Version: "test", In: bytes.NewReader(nil), Out: &out, Err: &errs, Environ: env}
	status := app.Run(t.Context(), args)
	return outcome{status, out.String(), errs.String()}
}

// rows runs a command with --output json and reads its array.
func (o *operated) rows(args ...string) []map[string]any {
	o.t.Helper()
	got := o.run(append(args, "--output", "json")...)
	var rows []map[string]any
	if err := json.Unmarshal([]byte(got.out), &rows); err != nil || got.status != 0 {
		o.t.Fatalf("%v: status %d, %v, %s%s", args, got.status, err, got.out, got.err)
	}
	return rows
}

func (o *operated) webhook(id string, sequence uint64, state relay.WebhookState) {
	o.t.Helper()
	err := o.store.RecordWebhooks(o.t.Context(), []relay.Webhook{{
		ID: id, Source: "shopify", Topic: "orders/create", ReceivedAt: time.Now(), State: state, Reason: "why", Sequence: sequence, Order: "1001",
	}})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *operated) publish(m relay.Message) {
	o.t.Helper()
	m.Time, m.Source, m.ContentType = time.Now(), "/test", "application/json"
	if m.Type == "" {
		m.Type = "t"
	}
	if _, err := o.bus.Publish(o.t.Context(), m); err != nil {
		o.t.Fatal(err)
	}
}
