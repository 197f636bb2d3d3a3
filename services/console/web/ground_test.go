package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/console"
)

const adminToken = "admin-token-of-the-test"

// ground is a console on a real ledger and a real log.
type ground struct {
	t     *testing.T
	url   string
	store *store.Store
	bus   *bus.Bus
}

func newGround(t *testing.T, change ...func(*console.Options)) *ground {
	t.Helper()
	g := &ground{t: t, store: storetest.Open(t)}
	var err error
	if g.bus, err = bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.bus.Close)
	if err := g.bus.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts := console.Options{
		Listener: listener, Token: adminToken, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Version: "1.0.0",
		Checks: []console.Check{{Name: "nats", Test: g.bus.Check}, {Name: "postgres", Test: g.store.Ping}},
		Ports: console.Ports{
			Webhooks: g.store, Enrollments: g.store, Figures: g.store, Log: g.bus, Keys: g.store, Audit: g.store, Sources: shops{},
		},
	}
	for _, c := range change {
		c(&opts)
	}
	service, err := console.New(opts)
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
	g.url = "http://" + listener.Addr().String()
	return g
}

// shops stand for the configured sources.
type shops struct{}

func (shops) Sources(context.Context) ([]relay.Source, error) {
	return []relay.Source{{
		Name: "shopify", Kind: "shopify", State: "ready", Secrets: 2, Paths: []string{"/webhooks/in/shopify", "/webhooks/shopify/order/create"},
		Settings: map[string]string{"shop_domain": "example.myshopify.com", "enroll_on": "created"},
	}}, nil
}

func (shops) TestSource(context.Context, string) (relay.SourceTest, error) {
	return relay.SourceTest{}, relay.ErrNotFound
}

// browserless is a client that keeps cookies and follows no redirect.
func (g *ground) browserless() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// order puts an order with one enrolment into the ledger.
func (g *ground) order(number int, state relay.EnrollmentState, reason string) {
	g.t.Helper()
	now := time.Now().Add(-time.Duration(number%40) * 37 * time.Minute)
	id := fmt.Sprint(number)
	key := relay.OrderKey{Source: "shopify", Order: id}
	w := &relay.Work{
		Enrollment: relay.Enrollment{
			WebhookID: "w" + id, Source: key.Source, Order: id, Learner: fmt.Sprintf("learner%d@example.org", number),
			Course: "course-v1:Demo+Go+2026", Action: relay.ActionEnroll, State: state, Reason: reason, Attempts: 1,
		},
		LearnerKey: fmt.Sprintf("learner%d@example.org", number), SKU: "go",
	}
	if state == relay.EnrollmentWaiting {
		next := time.Now().Add(time.Minute)
		w.NextAttemptAt = &next
	}
	err := g.store.ChangeOrders(g.t.Context(), []relay.OrderKey{key}, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
		records[key].Rows = append(records[key].Rows, w)
		return []relay.Webhook{{
			ID: "w" + id, Source: key.Source, Topic: "orders/create", ReceivedAt: now, State: relay.WebhookDone, Order: id, OrderName: "#" + id,
			Sequence: uint64(number),
		}}, nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

// publish puts a message on the log.
func (g *ground) publish(m relay.Message) relay.Receipt {
	g.t.Helper()
	m.Time, m.ContentType = time.Now(), "application/json"
	if m.Type == "" {
		m.Type = "io.edrelay.webhook"
	}
	if m.Source == "" {
		m.Source = "/test"
	}
	receipt, err := g.bus.Publish(g.t.Context(), m)
	if err != nil {
		g.t.Fatal(err)
	}
	return receipt
}

func (g *ground) refuse(id, body string) {
	g.publish(relay.Message{
		Subject: relay.RejectedSubject("shopify", "signature"), ID: id, Body: []byte(body),
		Header: map[string]string{relay.HeaderSource: "shopify", relay.HeaderTopic: "orders/create", relay.HeaderReason: "signature"},
	})
}

// key makes an API key of a role.
func (g *ground) key(role relay.Role) (int, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url+"/api/v1/keys", strings.NewReader(`{"name":"n","role":"`+string(role)+`"}`))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ Key string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, made.Key
}
