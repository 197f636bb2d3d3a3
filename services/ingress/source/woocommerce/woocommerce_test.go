package woocommerce_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
	"github.com/edrelay/edrelay/services/ingress/source/woocommerce"
)

const goodOrder = `{"id":42,"number":"42","status":"processing","date_modified_gmt":"2021-01-12T14:54:36",
"date_paid_gmt":"2021-01-12T14:54:36","billing":{"email":"buyer@example.com"},"line_items":[
{"id":1,"sku":"course-v1:org+a+run","quantity":1,"meta_data":[{"id":9,"key":"_alg_wc_pif_local",
"value":[{"type":"email","_value":"learner@example.com"}]}]}]}`

func sign(secret string, body []byte) source.Sample {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return source.Sample{
		Path: "/webhooks/woocommerce/order/create",
		Header: map[string]string{
			"Content-Type":             "application/json; charset=utf-8",
			"X-WC-Webhook-Source":      "https://Shop.example/",
			"X-WC-Webhook-Delivery-ID": "00000000000000000000000000000000",
			"X-WC-Webhook-Signature":   base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		},
		Body: body,
	}
}

func settings(secrets ...string) any {
	return woocommerce.Settings{Source: "https://shop.example", Secrets: secrets}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Subject{
		Kind: woocommerce.Kind(), Settings: settings, Sign: sign, Body: []byte(goodOrder),
		Unsign: func(sample source.Sample) source.Sample {
			delete(sample.Header, "X-WC-Webhook-Signature")
			return sample
		},
		Good: http.StatusOK, Forged: http.StatusForbidden, Unsigned: http.StatusBadRequest,
	})
}

func shop(t testing.TB, set woocommerce.Settings) source.Source {
	t.Helper()
	set.Source = "https://shop.example"
	if len(set.Secrets) == 0 {
		set.Secrets = []string{"s"}
	}
	made, err := sourcetest.Make(woocommerce.Kind(), "woo", set, source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestThePingIsAnswered200AndKeepsNothing(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, woocommerce.Settings{}))
	for _, path := range []string{"/webhooks/woocommerce/order/create", "/webhooks/woocommerce/order/update/", "/webhooks/in/woo"} {
		for media, body := range map[string]string{
			"application/x-www-form-urlencoded":                "webhook_id=7",
			"application/x-www-form-urlencoded; charset=UTF-8": "webhook_id=",
		} {
			answer := door.Post(t, source.Sample{Path: path, Header: map[string]string{"Content-Type": media}, Body: []byte(body)})
			if answer.Status != 200 || answer.Body != "" {
				t.Errorf("%s %s: %d %q", path, media, answer.Status, answer.Body)
			}
		}
	}
	for media, body := range map[string]string{"application/x-www-form-urlencoded": "a=1", "text/plain": goodOrder, "": goodOrder,
		"application/problem+json": goodOrder} {
		answer := door.Post(t, source.Sample{Path: "/webhooks/woocommerce/order/create",
			Header: map[string]string{"Content-Type": media}, Body: []byte(body)})
		if answer.Status != 400 {
			t.Errorf("%q: %d, want 400", media, answer.Status)
		}
	}
	if kept := door.Log.Kept(""); len(kept) != 0 {
		t.Errorf("%d messages kept", len(kept))
	}
}

func TestAnUnpaidOrderIsAnsweredAsConfigured(t *testing.T) {
	t.Parallel()
	order := func(more string) []byte { return []byte(`{"id":42,"line_items":[],` + more + `}`) }
	for name, c := range map[string]struct {
		set    woocommerce.Settings
		body   []byte
		status int
	}{
		"not asked":           {woocommerce.Settings{}, order(`"status":"pending","date_paid_gmt":null`), 200},
		"paid":                {woocommerce.Settings{RequirePayment: true}, order(`"date_paid_gmt":"2021-01-12T14:54:36"`), 200},
		"null":                {woocommerce.Settings{RequirePayment: true}, order(`"date_paid_gmt":null`), 402},
		"absent":              {woocommerce.Settings{RequirePayment: true}, order(`"status":"processing"`), 402},
		"empty":               {woocommerce.Settings{RequirePayment: true}, order(`"date_paid_gmt":""`), 402},
		"garbage":             {woocommerce.Settings{RequirePayment: true}, order(`"date_paid_gmt":"soon"`), 402},
		"number":              {woocommerce.Settings{RequirePayment: true}, order(`"date_paid_gmt":1610463276`), 402},
		"absurd":              {woocommerce.Settings{RequirePayment: true}, order(`"date_paid_gmt":"99999-01-12T14:54:36"`), 402},
		"other status wanted": {woocommerce.Settings{RequirePayment: true, UnpaidStatus: 200}, order(`"date_paid_gmt":null`), 200},
		"cancelled":           {woocommerce.Settings{RequirePayment: true}, order(`"status":"cancelled","date_paid_gmt":null`), 200},
	} {
		door := sourcetest.Open(t, nil, shop(t, c.set))
		if answer := door.Post(t, sign("s", c.body)); answer.Status != c.status || answer.Body != "" {
			t.Errorf("%s: %d %q, want %d", name, answer.Status, answer.Body, c.status)
		}
	}
}

func TestAPaidOrderAfterAnUnpaidOneIsTaken(t *testing.T) {
	t.Parallel()
	made := shop(t, woocommerce.Settings{RequirePayment: true})
	door := sourcetest.Open(t, nil, made)
	unpaid := []byte(`{"id":42,"line_items":[],"date_paid_gmt":null}`)
	for _, c := range []struct {
		body   []byte
		status int
	}{{unpaid, 402}, {unpaid, 402}, {[]byte(goodOrder), 200}} {
		if answer := door.Post(t, sign("s", c.body)); answer.Status != c.status {
			t.Errorf("%d, want %d", answer.Status, c.status)
		}
	}
	kept := door.Log.Kept("webhooks.woo.order.created")
	if len(kept) != 2 {
		t.Fatalf("%d kept, want the unpaid and the paid one", len(kept))
	}
	for i, intent := range []relay.Intent{relay.IntentNone, relay.IntentEnroll} {
		order, err := made.Read("order.created", kept[i].Header, kept[i].Body)
		if err != nil || order.Intent != intent {
			t.Errorf("%d: %q %v, want %q", i, order.Intent, err, intent)
		}
	}
}

func TestTwoOrdersOfOneSecondAreTwo(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, woocommerce.Settings{}))
	door.Post(t, sign("s", []byte(`{"id":1,"line_items":[]}`)))
	door.Post(t, sign("s", []byte(`{"id":2,"line_items":[]}`)))
	if got := len(door.Log.Kept("webhooks.")); got != 2 {
		t.Errorf("%d webhooks with one delivery id, want 2", got)
	}
}

func TestAStatusSaysWhatAnOrderAsksFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		topic, body string
		set         woocommerce.Settings
		intent      relay.Intent
		reason      string
	}{
		{"order.created", `{"id":1,"status":"pending","line_items":[]}`, woocommerce.Settings{}, relay.IntentEnroll, ""},
		{"order.updated", `{"id":1,"status":"completed","line_items":[]}`, woocommerce.Settings{}, relay.IntentEnroll, ""},
		{"order.updated", `{"id":1,"status":"cancelled"}`, woocommerce.Settings{}, relay.IntentUndo, "cancelled"},
		{"order.updated", `{"id":1,"status":"refunded"}`, woocommerce.Settings{}, relay.IntentUndo, "refunded"},
		{"order.created", `{"id":1,"status":"failed"}`, woocommerce.Settings{}, relay.IntentUndo, "failed"},
		{"order.updated", `{"id":1,"status":"trash"}`, woocommerce.Settings{}, relay.IntentUndo, "trash"},
		{"order.deleted", `{"id":1}`, woocommerce.Settings{}, relay.IntentUndo, "deleted"},
		{"order.deleted", `{"id":1,"status":"processing","line_items":[]}`, woocommerce.Settings{}, relay.IntentEnroll, ""},
		{"order.updated", `{"id":1,"status":"trash"}`, woocommerce.Settings{OnRefund: "keep"}, relay.IntentNone, "trash, kept by on_refund"},
		{"order.created", `{"id":1,"status":"checkout-draft"}`, woocommerce.Settings{}, relay.IntentNone, "draft"},
		{"coupon.created", `{"id":1}`, woocommerce.Settings{}, relay.IntentNone, "topic not used"},
	} {
		order, err := shop(t, c.set).Read(c.topic, nil, []byte(c.body))
		if err != nil || order.Intent != c.intent || order.Reason != c.reason {
			t.Errorf("%s %s: %q %q %v, want %q %q", c.topic, c.body, order.Intent, order.Reason, err, c.intent, c.reason)
		}
	}
}

func TestTheLearnerIsTheFirstFieldOfTypeEmail(t *testing.T) {
	t.Parallel()
	const field = `{"type":"email","_value":"learner@example.com"}`
	for meta, want := range map[string]string{
		`[{"key":"_alg_wc_pif_global","value":[` + field + `]}]`:                                     "learner@example.com",
		`[{"value":[]},{"value":"x"},{"value":["a"]},{"value":{}},{"value":[` + field + `]}]`:        "learner@example.com",
		`[{"value":[{"type":"text","_value":"x"},` + field + `]}]`:                                   "",
		`[{"key":"Email","value":"plain@example.com"}]`:                                              "plain@example.com",
		`[{"key":"other","value":"plain@example.com"}]`:                                              "",
		`[{"key":"a"},null,7,{"value":[` + field + `]},{"value":[{"type":"email","_value":"b@c"}]}]`: "learner@example.com",
		`null`: "",
		`{}`:   "",
	} {
		body := `{"id":1,"line_items":[{"id":5,"sku":"a","quantity":1,"meta_data":` + meta + `}]}`
		order, err := shop(t, woocommerce.Settings{}).Read("order.created", nil, []byte(body))
		if err != nil || len(order.Lines) != 1 || order.Lines[0].Learner != want {
			t.Errorf("%s: %+v %v, want %q", meta, order.Lines, err, want)
		}
	}
}

func TestVersionIsTheShopsTimeOfTheState(t *testing.T) {
	t.Parallel()
	order, err := shop(t, woocommerce.Settings{}).Read("order.created", nil, []byte(goodOrder))
	if err != nil || !order.Version.Equal(time.Date(2021, 1, 12, 14, 54, 36, 0, time.UTC)) || order.Name != "#42" {
		t.Errorf("%+v %v", order, err)
	}
}

func TestASecretTypedWithEntitiesVerifiesAsTheShopSigns(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, woocommerce.Settings{Secrets: []string{"a&amp;b"}}))
	for secret, status := range map[string]int{"a&b": 200, "a&amp;b": 200, "a": 403} {
		if answer := door.Post(t, sign(secret, []byte(goodOrder))); answer.Status != status {
			t.Errorf("%s: %d, want %d", secret, answer.Status, status)
		}
	}
}

func FuzzRead(f *testing.F) {
	made := shop(f, woocommerce.Settings{RequirePayment: true})
	f.Add("order.created", []byte(goodOrder))
	f.Add("order.deleted", []byte(`{"id":1}`))
	for _, body := range sourcetest.Garbage() {
		f.Add("order.updated", []byte(body))
	}
	f.Fuzz(func(t *testing.T, topic string, body []byte) { sourcetest.CheckRead(t, made, topic, body) })
}

func FuzzVerify(f *testing.F) {
	made := shop(f, woocommerce.Settings{RequirePayment: true})
	f.Add("", []byte(goodOrder))
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", []byte("{"))
	for _, body := range sourcetest.Garbage() {
		f.Add("\xff ,=", []byte(body))
	}
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		sourcetest.CheckVerify(t, made, func(body []byte) source.Sample { return sign("s", body) }, "X-WC-Webhook-Signature", signature, body)
	})
}
