package shopify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/shopify"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

const goodOrder = `{"id":5495552468,"name":"#1001","email":"buyer@example.com","financial_status":"pending",
"created_at":"2026-01-02T03:04:05+01:00","updated_at":"2026-01-02T03:05:05+01:00","customer":null,
"line_items":[{"id":11,"sku":"course-v1:org+a+run","quantity":1,"properties":[{"name":"email","value":"learner@example.com"}]}]}`

func sign(secret string, body []byte) source.Sample {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return source.Sample{
		Path: "/webhooks/shopify/order/create",
		Header: map[string]string{
			"Content-Type":          "application/json",
			"X-Shopify-Shop-Domain": "Shop.MyShopify.com",
			"X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		},
		Body: body,
	}
}

func settings(secrets ...string) any {
	return shopify.Settings{ShopDomain: "shop.myshopify.com/", Secrets: secrets}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Subject{
		Kind: shopify.Kind(), Settings: settings, Sign: sign, Body: []byte(goodOrder),
		Unsign: func(sample source.Sample) source.Sample {
			delete(sample.Header, "X-Shopify-Hmac-Sha256")
			return sample
		},
		Good: http.StatusOK, Forged: http.StatusForbidden, Unsigned: http.StatusBadRequest,
	})
}

func shop(t testing.TB, set shopify.Settings) source.Source {
	t.Helper()
	if set.ShopDomain == "" {
		set.ShopDomain, set.Secrets = "shop.myshopify.com", []string{"s"}
	}
	made, err := sourcetest.Make(shopify.Kind(), "shop", set, source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestHeadersDecideInTheOrderOfTheContract(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, shopify.Settings{}))
	for name, c := range map[string]struct {
		change func(h map[string]string)
		status int
	}{
		"no shop":              {func(h map[string]string) { delete(h, "X-Shopify-Shop-Domain") }, 400},
		"no shop nor proof":    {func(h map[string]string) { clear(h) }, 400},
		"unknown shop, no mac": {func(h map[string]string) { clear(h); h["X-Shopify-Shop-Domain"] = "other.example" }, 403},
		"no mac":               {func(h map[string]string) { delete(h, "X-Shopify-Hmac-Sha256") }, 400},
		"mac without padding":  {func(h map[string]string) { h["X-Shopify-Hmac-Sha256"] = h["X-Shopify-Hmac-Sha256"][:43] }, 403},
		"any content type":     {func(h map[string]string) { h["Content-Type"] = "text/plain" }, 200},
	} {
		sample := sign("s", []byte(goodOrder))
		c.change(sample.Header)
		answer := door.Post(t, sample)
		if answer.Status != c.status || answer.Body != "" {
			t.Errorf("%s: %d with body %q, want %d and none", name, answer.Status, answer.Body, c.status)
		}
	}
}

func TestDeliveriesAreToldApartByShopTopicAndWebhookID(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, shopify.Settings{}))
	send := func(path, webhookID, eventID string) {
		sample := sign("s", []byte(goodOrder))
		sample.Path = path
		sample.Header["X-Shopify-Webhook-Id"], sample.Header["X-Shopify-Event-Id"] = webhookID, eventID
		if answer := door.Post(t, sample); answer.Status != 200 {
			t.Fatalf("status %d", answer.Status)
		}
	}
	send("/webhooks/shopify/order/create", "w1", "e1")
	send("/webhooks/shopify/order/create", "w1", "e2") // a retry
	send("/webhooks/shopify/order/paid", "w2", "e1")   // another topic of the same action
	send("/webhooks/shopify/order/updated", "w1", "e1")
	if got := len(door.Log.Kept("webhooks.shop.")); got != 3 {
		t.Errorf("%d webhooks, want 3", got)
	}
	if got := len(door.Log.Kept("webhooks.shop.orders.paid")); got != 1 {
		t.Errorf("%d webhooks of orders/paid, want 1", got)
	}
}

func TestAnOrderSaysWhatItAsksFor(t *testing.T) {
	t.Parallel()
	with := func(more string) string {
		return `{"id":7,"line_items":[],"updated_at":"2026-01-02T03:04:05Z",` + more + `}`
	}
	for name, c := range map[string]struct {
		set    shopify.Settings
		topic  string
		body   string
		intent relay.Intent
		reason string
	}{
		"created":                {shopify.Settings{}, "orders/create", with(`"financial_status":"pending"`), relay.IntentEnroll, ""},
		"created, paid wanted":   {shopify.Settings{EnrollOn: "paid"}, "orders/create", with(`"financial_status":"pending"`), relay.IntentNone, "unpaid"},
		"paid at once":           {shopify.Settings{EnrollOn: "paid"}, "orders/create", with(`"financial_status":"paid"`), relay.IntentEnroll, ""},
		"paid topic":             {shopify.Settings{EnrollOn: "paid"}, "orders/paid", with(`"x":1`), relay.IntentEnroll, ""},
		"updated to paid":        {shopify.Settings{EnrollOn: "paid"}, "orders/updated", with(`"financial_status":"paid"`), relay.IntentEnroll, ""},
		"money back, lines stay": {shopify.Settings{EnrollOn: "paid"}, "orders/updated", with(`"financial_status":"refunded"`), relay.IntentEnroll, ""},
		"voided":                 {shopify.Settings{EnrollOn: "paid"}, "orders/updated", with(`"financial_status":"voided"`), relay.IntentNone, "unpaid"},
		"cancelled topic":        {shopify.Settings{}, "orders/cancelled", with(`"x":1`), relay.IntentUndo, "cancelled"},
		"cancelled by an update": {shopify.Settings{}, "orders/updated", with(`"cancelled_at":"2026-01-02T03:04:05Z"`), relay.IntentUndo, "cancelled"},
		"cancelled, kept":        {shopify.Settings{OnRefund: "keep"}, "orders/cancelled", with(`"x":1`), relay.IntentNone, "cancelled, kept by on_refund"},
		"not an order":           {shopify.Settings{}, "products/update", `{"id":1}`, relay.IntentNone, "topic not used"},
	} {
		order, err := shop(t, c.set).Read(c.topic, nil, []byte(c.body))
		if err != nil || order.Intent != c.intent || order.Reason != c.reason {
			t.Errorf("%s: %q %q %v, want %q %q", name, order.Intent, order.Reason, err, c.intent, c.reason)
		}
	}
}

func TestLinesSayWhoLearnsWhat(t *testing.T) {
	t.Parallel()
	body := `{"id":7,"updated_at":"2026-01-02T03:04:05+02:00","line_items":[
	 {"id":1,"sku":"a","quantity":3,"properties":[{"name":"note","value":"x"},{"name":"Email","value":" A@Example.com "}]},
	 {"id":2,"sku":"b","properties":[]},
	 {"sku":null,"properties":null},
	 {"id":4,"sku":"d","quantity":2,"current_quantity":0,"properties":[{"name":"email","value":"d@example.com"}]},
	 {"id":5,"sku":"e","properties":[{"name":"email","value":"one@example.com,two@example.com"}]},
	 {"id":6,"sku":"f","properties":{"email":"f@example.com"}}]}`
	order, err := shop(t, shopify.Settings{}).Read("orders/create", nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := []relay.Line{
		{ID: "1", SKU: "a", Learner: "A@Example.com", Quantity: 3},
		{ID: "2", SKU: "b", Quantity: 1, Problem: "no learner's address"},
		{ID: "#3", Quantity: 1, Problem: "no learner's address"},
		{ID: "4", SKU: "d", Learner: "d@example.com"},
		{ID: "5", SKU: "e", Quantity: 1, Problem: "the learner's address is no e-mail address"},
		{ID: "6", SKU: "f", Learner: "f@example.com", Quantity: 1},
	}
	for i, line := range order.Lines {
		if line != want[i] {
			t.Errorf("line %d is %+v, want %+v", i, line, want[i])
		}
	}
	if at := time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC); len(order.Lines) != len(want) || !order.Version.Equal(at) {
		t.Errorf("%d lines at %s", len(order.Lines), order.Version)
	}
}

func TestARefundTakesLinesBack(t *testing.T) {
	t.Parallel()
	body := []byte(`{"id":99,"order_id":7,"created_at":"2026-01-03T00:00:00Z","refund_line_items":[
	 {"line_item_id":1,"quantity":2,"line_item":{"id":1}},{"line_item_id":2,"quantity":0}]}`)
	order, err := shop(t, shopify.Settings{}).Read("refunds/create", nil, body)
	if err != nil || !order.Delta || order.ID != "7" || len(order.Refunds) != 1 {
		t.Fatalf("%+v %v", order, err)
	}
	got := order.Refunds[0]
	if got.ID != "99" || len(got.Lines) != 1 || got.Lines[0] != (relay.RefundLine{LineID: "1", Quantity: 2}) {
		t.Errorf("refund %+v", got)
	}
	kept, err := shop(t, shopify.Settings{OnRefund: "keep"}).Read("refunds/create", nil, body)
	if err != nil || kept.Delta || len(kept.Refunds) != 0 || kept.Intent != relay.IntentNone {
		t.Errorf("kept %+v %v", kept, err)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for key, set := range map[string]shopify.Settings{
		"shop_domain": {Secrets: []string{"s"}},
		"enroll_on":   {ShopDomain: "a", Secrets: []string{"s"}, EnrollOn: "never"},
		"on_refund":   {ShopDomain: "a", Secrets: []string{"s"}, OnRefund: "maybe"},
		"secrets":     {ShopDomain: "a"},
	} {
		_, err := sourcetest.Make(shopify.Kind(), "shop", set, source.Ports{})
		if err == nil || err.Error()[:len(key)] != key {
			t.Errorf("%s: error %v", key, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	made := shop(f, shopify.Settings{})
	f.Add("orders/create", []byte(goodOrder))
	f.Add("refunds/create", []byte(`{"id":1,"order_id":2,"refund_line_items":[]}`))
	for _, body := range sourcetest.Garbage() {
		f.Add("orders/updated", []byte(body))
	}
	f.Fuzz(func(t *testing.T, topic string, body []byte) { sourcetest.CheckRead(t, made, topic, body) })
}

func FuzzVerify(f *testing.F) {
	made := shop(f, shopify.Settings{})
	f.Add("", []byte(goodOrder))
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", []byte("{"))
	for _, body := range sourcetest.Garbage() {
		f.Add("\xff ,=", []byte(body))
	}
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		sourcetest.CheckVerify(t, made, func(body []byte) source.Sample { return sign("s", body) }, "X-Shopify-Hmac-Sha256", signature, body)
	})
}
