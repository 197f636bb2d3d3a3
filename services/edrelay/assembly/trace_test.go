package assembly

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/internal/telemetry/telemetrytest"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/lmssim"
)

// whole is all of edrelay on a log and a ledger of the test's, with a simulated LMS.
type whole struct {
	*Ground
	t   *testing.T
	lms *lmssim.Server

	described map[string]described // the metrics
}

func newWhole(t *testing.T, more string) *whole {
	t.Helper()
	w := &whole{t: t, lms: lmssim.New(lmssim.Options{})}
	site := httptest.NewServer(w.lms)
	t.Cleanup(site.Close)
	for _, user := range []lmssim.User{{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true}, {Username: "ada", Email: "ada@example.com", Active: true}} {
		if _, err := w.lms.AddUser(user); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.lms.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}); err != nil {
		t.Fatal(err)
	}
	if err := w.lms.AddCourse(lmssim.Course{Key: "course-v1:a+b+c", Name: "A course"}); err != nil {
		t.Fatal(err)
	}
	database := embeddedtest.Postgres(t)
	storetest.OpenURL(t, database).Close()
	file := filepath.Join(t.TempDir(), "edrelay.yaml")
	text := fmt.Sprintf(`data_dir: %s
encryption_key: %s
http: { addr: "127.0.0.1:0" }
admin: { addr: "127.0.0.1:0" }
nats: { url: %q }
database: { url: %q }
lms: { url: %q, client_id: edrelay, client_secret: s3cret }
notifier: { allow_networks: [127.0.0.0/8] }
sources:
  - { name: shop, kind: shopify, shop_domain: shop.myshopify.com, secrets: [s1] }
  - { name: openedx, kind: openedx, username: plugin, password: pass-77 }
`, t.TempDir(), base64.StdEncoding.EncodeToString(make([]byte, 32)), embeddedtest.NATS(t), database, site.URL) + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, _, err := config.Load(config.Options{File: file, Kinds: Kinds()})
	if err != nil {
		t.Fatal(err)
	}
	registry := &catalogue{Registry: prometheus.NewRegistry(), found: map[string]described{}}
	w.described = registry.found
	if w.Ground, err = Open(t.Context(), loaded, slog.New(slog.DiscardHandler), "test", Needs{Ledger: true, Metrics: registry}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// run runs all services until the test ends; it gives the door's URL.
func (w *whole) run() string {
	w.t.Helper()
	services, err := w.All(w.t.Context(), "admin-token-of-the-test")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, services...) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	return "http://" + w.door
}

func (w *whole) post(url, trace string, body string, header ...string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Traceparent", trace)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s answered %d", url, answer.StatusCode)
	}
}

func (w *whole) order(door, id, learner, trace string) {
	w.t.Helper()
	body := fmt.Sprintf(`{"id":%s,"name":"#1001","financial_status":"paid","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z",
"line_items":[{"id":11,"sku":"course-v1:a+b+c","quantity":1,"properties":[{"name":"email","value":%q}]}]}`, id, learner)
	mac := hmac.New(sha256.New, []byte("s1"))
	mac.Write([]byte(body))
	w.post(door+"/webhooks/shopify/order/create?secret=in-the-query", trace, body, "X-Shopify-Shop-Domain", "shop.myshopify.com",
		"X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func named(name, trace string) func(telemetrytest.Span) bool {
	return func(s telemetrytest.Span) bool { return s.Name == name && s.Trace == trace }
}

func traceparent(digit string) (text, trace string) {
	trace = strings.Repeat(digit, 32)
	return "00-" + trace + "-" + strings.Repeat(digit, 16) + "-01", trace
}

func TestOneTraceGoesFromAnOrderToTheLMSAndTheSubscriber(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	heard := make(chan http.Header, 100)
	subscriber := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Clone() }))
	defer subscriber.Close()
	w := newWhole(t, fmt.Sprintf("telemetry: { endpoint: %q }\n", collector.URL))
	door := w.run()
	w.subscribe(subscriber.URL + "/hook?token=in-the-query")

	first, trace := traceparent("a")
	second, other := traceparent("b")
	w.order(door, "1", "ada@example.com", first)
	w.order(door, "2", "bob@example.com", second)

	request := collector.Await(t, "the door", named("POST /webhooks/shopify/order/create", trace))
	publish := collector.Await(t, "the log", named("publish WEBHOOKS", trace))
	intake := collector.Await(t, "the enroller", named("process WEBHOOKS", trace))
	if request.Parent != strings.Repeat("a", 16) || request.Kind != "server" || publish.Parent != request.ID || publish.Kind != "producer" ||
		intake.Parent != publish.ID || intake.Kind != "consumer" {
		t.Errorf("from the door to the enroller: %+v\n%+v\n%+v", request, publish, intake)
	}
	calls := func(s telemetrytest.Span) bool {
		return s.Name == "LMS bulk_enroll" && slices.Contains(s.Links, intake.ID)
	}
	call := collector.Await(t, "the LMS", calls)
	if call.Kind != "client" || call.Attributes["http.response.status_code"] == "" || call.Failed {
		t.Errorf("the call of the LMS: %+v", call)
	}
	if call.Trace == other { // both orders went with one call, begun in the other's trace: this one's points to it
		beside := collector.Await(t, "the call, in its own trace", named("served by LMS bulk_enroll", trace))
		if beside.Parent != intake.ID || !slices.Contains(beside.Links, call.ID) {
			t.Errorf("beside the call: %+v", beside)
		}
	} else if call.Trace != trace || call.Parent != intake.ID {
		t.Errorf("the call of the LMS is in another trace: %+v", call)
	}
	delivery := collector.Await(t, "the subscriber", named("deliver to crm", trace))
	event := collector.Await(t, "the event", func(s telemetrytest.Span) bool { return s.ID == delivery.Parent })
	if delivery.Kind != "client" || event.Name != "publish EVENTS" || event.Trace != trace || event.Parent != intake.ID {
		t.Errorf("from the event to the subscriber: %+v\n%+v", event, delivery)
	}
	for {
		select {
		case header := <-heard:
			if header.Get("Traceparent") == "00-"+trace+"-"+delivery.ID+"-01" {
				w.unseen(collector)
				return
			}
		case <-time.After(time.Minute):
			t.Fatal("the subscriber was not told the span of its delivery")
		}
	}
}

func (w *whole) subscribe(url string) {
	w.t.Helper()
	declaration, err := json.Marshal(map[string]any{"name": "crm", "url": url, "events": []string{"*"}})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.registry.AddSubscription(w.t.Context(), declaration); err != nil {
		w.t.Fatal(err)
	}
}

// unseen holds that no span carries a learner's address, a query or a secret.
func (w *whole) unseen(collector *telemetrytest.Collector) {
	w.t.Helper()
	spans, _ := collector.Spans()
	text := fmt.Sprintf("%+v", spans)
	for _, private := range []string{"example.com", "in-the-query", "s3cret", "pass-77", "Signature"} {
		if strings.Contains(text, private) {
			w.t.Errorf("spans tell %q", private)
		}
	}
}

func TestOneTraceGoesFromAQuestionToTheFiltersURL(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	heard := make(chan string, 10)
	gate := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("Traceparent") }))
	defer gate.Close()
	w := newWhole(t, fmt.Sprintf("telemetry: { endpoint: %q }\n", collector.URL))
	door := w.run()
	desk, err := w.filterDesk()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.AddFilter(t.Context(), fmt.Appendf(nil, `{"name": "idv", "filter": "IDVPageURLRequested", "url": %q}`, gate.URL)); err != nil {
		t.Fatal(err)
	}
	parent, trace := traceparent("c")
	w.post(door+"/webhooks/openedx/filters/", parent, `{"url": "/v", "event_metadata": {"event_type": "IdvPageUrlRequested", "time": "t"}}`,
		"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("plugin:pass-77")))
	chain := []string{"POST /webhooks/openedx/filters", "ask filters", "answer filters", "ask filter idv"}
	before := strings.Repeat("c", 16)
	for _, name := range chain {
		span := collector.Await(t, name, named(name, trace))
		if span.Parent != before {
			t.Errorf("%s is not within %s: %+v", name, before, span)
		}
		before = span.ID
	}
	if told := <-heard; told != "00-"+trace+"-"+before+"-01" {
		t.Errorf("the filter was told %q", told)
	}
}

func TestWithoutTracesTheTraceOfAnOrderStillReachesTheSubscriber(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 100)
	subscriber := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Ce-Type") == relay.EventEnrollmentSucceeded {
			heard <- r.Header.Get("Traceparent")
		}
	}))
	defer subscriber.Close()
	w := newWhole(t, "")
	door := w.run()
	w.subscribe(subscriber.URL)
	parent, trace := traceparent("d")
	w.order(door, "1", "ada@example.com", parent)
	select {
	case told := <-heard:
		if telemetry.Trace(told) != trace {
			t.Errorf("the subscriber was told %q", told)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing delivered")
	}
}
