package command

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/services/notifier"
)

// subscriptions runs a notifier on the test's log and ledger.
func (o *operated) subscriptions() *notifier.Registry {
	o.t.Helper()
	catalogue, err := openedx.Load()
	if err != nil {
		o.t.Fatal(err)
	}
	ring, err := sealing.New(sealing.NewKey())
	if err != nil {
		o.t.Fatal(err)
	}
	client, err := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		o.t.Fatal(err)
	}
	service, err := notifier.New(notifier.Options{Log: o.bus, Ledger: o.store.Subscriptions(ring), Client: client, Encoder: catalogue, Drain: time.Second})
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	o.t.Cleanup(func() { cancel(); <-ended })
	return notifier.NewRegistry(notifier.RegistryOptions{Ledger: o.store.Subscriptions(ring), Log: o.bus, Client: client, Encoder: catalogue, Sampler: catalogue})
}

func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

func TestSubscriptionsAreSteeredFromTheCommandLine(t *testing.T) {
	t.Parallel()
	o := operate(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(hook.Close)

	made := decoded[relay.Subscription](t, o.must("subscription", "add", "crm", "--url", hook.URL, "--events", "org.openedx.learning.*",
		"--header", "X-Team: crm", "--retry", "1s,2s", "--output", "json"))
	if len(made.Secrets) != 1 || !strings.HasPrefix(made.Secrets[0], "whsec_") || strings.Contains(made.Secrets[0], "…") || made.Headers["X-Team"] != "crm" {
		t.Errorf("made %+v", made)
	}
	listed := o.must("subscription", "ls", "--output", "json")
	if rows := decoded[[]relay.Subscription](t, listed); len(rows) != 1 || rows[0].State != "active" || strings.Contains(listed, made.Secrets[0]) {
		t.Errorf("listed %s", listed)
	}
	if out := o.must("subscription", "test", "crm"); !strings.Contains(out, "204") || !strings.Contains(out, "v1,") {
		t.Errorf("test: %s", out)
	}
	if out := o.must("subscription", "edit", "crm", "--max-in-flight", "3", "--output", "json"); decoded[relay.Subscription](t, out).MaxInFlight != 3 {
		t.Errorf("edited %s", out)
	}
	rotated := decoded[relay.Subscription](t, o.must("subscription", "rotate-secret", "crm", "--output", "json"))
	if rotated.Secrets[0] == made.Secrets[0] {
		t.Error("the secret is the old one")
	}
	if out := o.must("subscription", "pause", "crm", "--output", "json"); decoded[relay.Subscription](t, out).State != "paused" {
		t.Errorf("paused %s", out)
	}
	o.must("subscription", "rm", "crm")
	if got := o.run("subscription", "show", "crm"); got.status != 1 {
		t.Errorf("after rm: %d %s", got.status, got.out)
	}
}

func TestSubscriptionFileIsAppliedAllOrNone(t *testing.T) {
	t.Parallel()
	o := operate(t)
	file := filepath.Join(t.TempDir(), "subscriptions.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("subscriptions:\n  - {name: a, url: 'https://a.example/x', events: ['*'], timeout: 3s}\n  - {name: b, url: 'https://b.example/x', events: []}\nfilters: []\n")
	if out := o.must("subscription", "apply", "-f", file, "--dry-run", "--output", "json"); len(decoded[relay.Applied](t, out).Changes) != 2 {
		t.Errorf("dry run %s", out)
	}
	if rows := decoded[[]relay.Subscription](t, o.must("subscription", "ls", "--output", "json")); len(rows) != 0 {
		t.Errorf("a dry run made %v", rows)
	}
	if done := decoded[relay.Applied](t, o.must("subscription", "apply", "-f", file, "--output", "json")); len(done.Secrets) != 2 {
		t.Errorf("applied %+v", done)
	}
	again := decoded[relay.Applied](t, o.must("subscription", "apply", "-f", file, "--output", "json"))
	for _, change := range again.Changes {
		if change.Action != "unchanged" {
			t.Errorf("again: %+v", change)
		}
	}
	write("subscriptions:\n  - {name: a, url: 'https://a.example/x', events: ['*'], timeout: 9s}\n  - {name: c, url: 'nowhere', events: []}\n")
	if got := o.run("subscription", "apply", "-f", file); got.status != 1 || !strings.Contains(got.err, "url") {
		t.Errorf("a bad entry: %d %s", got.status, got.err)
	}
	for text, where := range map[string]string{
		"subscriptions:\n  - name: c\n    url: https://c.example/x\n    evnts: []\n":                        "line 4",
		"subscriptions:\n  - name: c\n    url: https://c.example/x\n    events: ['*']\n    timeout: soon\n": "is no duration",
	} {
		write(text)
		if got := o.run("subscription", "apply", "-f", file); got.status != 1 || !strings.Contains(got.err, "subscriptions.yaml: ") || !strings.Contains(got.err, where) {
			t.Errorf("%q: %d %s", text, got.status, got.err)
		}
	}
	if a := decoded[relay.Subscription](t, o.must("subscription", "show", "a", "--output", "json")); a.Timeout.String() != "3s" {
		t.Errorf("a bad entry changed another: %+v", a)
	}
}

func TestDeliveriesAreListedWithWhatWasNotTriedYet(t *testing.T) {
	t.Parallel()
	o := operate(t)
	o.must("subscription", "add", "crm", "--url", "http://127.0.0.1:1/", "--events", "test.*", "--retry", "1h", "--format", "cloudevents")
	publish := func(id string) {
		_, err := o.bus.Publish(t.Context(), relay.Message{Subject: "events.test.a.v1", ID: id, Type: "test.a.v1", Source: "/t", DedupID: id,
			Time: time.Now(), ContentType: "application/json", Body: []byte(`{"a":{}}`)})
		if err != nil {
			t.Fatal(err)
		}
	}
	publish("one")
	var rows []relay.Delivery
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && (len(rows) == 0 || rows[0].Attempts == 0); {
		rows = decoded[[]relay.Delivery](t, o.must("delivery", "ls", "--undelivered", "--output", "json"))
	}
	if len(rows) != 1 || rows[0].State != "waiting" || rows[0].LastError != "connect" {
		t.Fatalf("rows %+v", rows)
	}
	o.must("subscription", "pause", "crm")
	publish("two")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && len(rows) < 2; { // a consumer hears of an event a moment after it is stored
		rows = decoded[[]relay.Delivery](t, o.must("delivery", "ls", "--undelivered", "--output", "json"))
	}
	if len(rows) != 2 || rows[0].EventID != "two" || rows[0].Attempts != 0 || rows[1].EventID != "one" {
		t.Fatalf("rows %+v", rows)
	}
	for _, row := range rows {
		if out := o.must("delivery", "show", row.ID); !strings.Contains(out, row.EventID) {
			t.Errorf("show %s", out)
		}
	}
	if out := o.must("delivery", "retry", rows[1].ID, "--output", "json"); decoded[relay.DeliveryDetail](t, out).NextAttemptAt == nil {
		t.Errorf("retry %s", out)
	}
}
