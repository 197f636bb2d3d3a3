package web_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/edrelay/edrelay/services/replay"
)

// The rest of the ports is never asked for; these names keep it from clashing with the methods.
type (
	subscriptionPort = desk.Subscriptions
	filterPort       = desk.Filters
)

// crm stands for the subscriptions: one, that can be paused, with one parked delivery.
type crm struct {
	subscriptionPort
	paused bool
}

func (c *crm) row() relay.Subscription {
	state := relay.SubscriptionActive
	if c.paused {
		state = relay.SubscriptionPaused
	}
	return relay.Subscription{Name: "crm", URL: "https://crm.example/hook", Events: []string{"shop.*"}, State: state, Backlog: 3, Format: relay.FormatPluginJSON}
}

func (c *crm) Subscriptions(context.Context) ([]relay.Subscription, error) {
	return []relay.Subscription{c.row()}, nil
}

func (c *crm) Subscription(context.Context, string) (relay.Subscription, error) { return c.row(), nil }

func (c *crm) PauseSubscription(context.Context, string) (relay.Subscription, error) {
	c.paused = true
	return c.row(), nil
}

func (c *crm) ResumeSubscription(context.Context, string) (relay.Subscription, error) {
	c.paused = false
	return c.row(), nil
}

func (c *crm) Subscriber(context.Context, string) (relay.Subscriber, error) {
	return relay.Subscriber{ID: 7, Subscription: c.row()}, nil
}

func (c *crm) delivery() relay.Delivery {
	return relay.Delivery{ID: "7-1-1", EventID: "e1", EventType: "shop.sold.v1", Subscription: "crm", State: relay.DeliveryParked, Attempts: 2, LastStatus: 500, LastError: "500 Internal Server Error", Sequence: 1}
}

func (c *crm) Deliveries(context.Context, relay.DeliveryQuery) ([]relay.Delivery, error) {
	return []relay.Delivery{c.delivery()}, nil
}

func (c *crm) Delivery(context.Context, string) (relay.DeliveryDetail, error) {
	return relay.DeliveryDetail{Delivery: c.delivery(), History: []relay.DeliveryAttempt{{Number: 1, At: time.Now(), Status: 500, Answer: "sorry"}}}, nil
}

func (c *crm) RetryDelivery(ctx context.Context, id string) (relay.DeliveryDetail, error) {
	return c.Delivery(ctx, id)
}

// gates stand for the filters.
type gates struct {
	filterPort
	paused atomic.Bool
}

func (g *gates) Filters(context.Context) ([]relay.Filter, error) {
	one := relay.Filter{Name: "gate", Filter: "StudentRegistrationRequested", URL: "https://gate.example", State: relay.FilterActive}
	if g.paused.Load() {
		one.State = relay.FilterPaused
	}
	return []relay.Filter{one}, nil
}

func (g *gates) EnableFilter(_ context.Context, name string, enabled bool) (relay.Filter, error) {
	if name != "gate" {
		return relay.Filter{}, relay.ErrNotFound
	}
	g.paused.Store(!enabled)
	return relay.Filter{Name: name}, nil
}

func (*gates) FilterCalls(context.Context, relay.FilterCallQuery) ([]relay.FilterCall, error) {
	return []relay.FilterCall{{At: time.Now(), Name: "gate", Filter: "StudentRegistrationRequested", Outcome: relay.FilterHalted, Status: 200, Exception: "PreventRegistration"}}, nil
}

func (*gates) ApplyFilters(context.Context, []json.RawMessage, bool, bool) ([]relay.Change, error) {
	return nil, nil
}

// withOut gives a console what goes out.
func withOut(one *crm) func(*console.Options) {
	return func(o *console.Options) {
		o.Ports.Subscriptions, o.Ports.Deliveries, o.Ports.Filters = one, one, &gates{}
		o.Ports.Replays = &replay.Office{
			Log: o.Ports.Log.(replay.Log), Ledger: o.Ports.Keys.(replay.Ledger), Subscribers: one, Logger: slog.New(slog.DiscardHandler),
		}
	}
}

func TestAnOperatorPausesASubscriptionAndReplaysWithADryRun(t *testing.T) {
	t.Parallel()
	one := &crm{}
	g := newGround(t, withOut(one))
	for _, id := range []string{"e1", "e2", "e3"} {
		g.publish(relay.Message{Subject: relay.EventSubject("shop.sold.v1"), Type: "shop.sold.v1", ID: id, DedupID: id, Body: []byte(`{}`)})
	}
	b := g.browser(t)
	b.login(adminToken)
	for _, page := range []struct{ name, path, text string }{
		{"subscriptions", "/subscriptions", "https://crm.example/hook"}, {"deliveries", "/deliveries", "shop.sold.v1"}, {"delivery", "/deliveries/7-1-1", "sorry"},
		{"filters", "/filters", "PreventRegistration"}, {"replays-none", "/replays", "No replay yet"},
	} {
		b.open(page.path)
		b.sees(page.text)
		b.isLegible(page.path)
		b.picture(page.name, 1360, false)
		b.picture(page.name+"-narrow", 390, true)
	}
	b.open("/subscriptions/crm")
	b.do(chromedp.Click(`form[action="/subscriptions/crm/pause"] button`), chromedp.WaitVisible("#ask"))
	b.sees("Are you sure?")
	b.do(chromedp.Click(`#ask button[value="yes"]`))
	b.sees("It is paused; its backlog is kept.")
	b.open("/replays/new?target=crm&since=24h&rate=50")
	b.sees("3 would be replayed to crm")
	b.picture("replay-plan", 1360, false)
	b.do(chromedp.Submit(`form[action="/replays"]`))
	b.sees("The replay is on its way.")
	b.sees("running")
	b.picture("replays", 1360, true)
}

func TestAnOperatorPausesAndResumesAFilter(t *testing.T) {
	t.Parallel()
	gate := &gates{}
	g := newGround(t, withOut(&crm{}), func(o *console.Options) { o.Ports.Filters = gate })
	client := g.browserless()
	g.post(client, "/login", "same-origin", url.Values{"token": {adminToken}})
	for _, c := range []struct {
		verb   string
		paused bool
	}{{"pause", true}, {"resume", false}} {
		resp, err := client.Get(g.url + "/filters")
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, offered := strings.Cut(string(page), `action="/filters/gate/`+c.verb+`"`)
		_, rest, _ = strings.Cut(rest, `name="form" value="`)
		token, _, _ := strings.Cut(rest, `"`)
		got := g.post(client, "/filters/gate/"+c.verb, "same-origin", url.Values{"form": {token}})
		if !offered || got.StatusCode != http.StatusSeeOther || gate.paused.Load() != c.paused {
			t.Errorf("%s: offered %v, answered %d, paused %v", c.verb, offered, got.StatusCode, gate.paused.Load())
		}
	}
}
