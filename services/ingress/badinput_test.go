package ingress_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/shopify"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

const orderPath = "/webhooks/shopify/order/create"

func shop(t testing.TB, name, domain, secret string) source.Source {
	t.Helper()
	made, err := sourcetest.Make(shopify.Kind(), name, shopify.Settings{ShopDomain: domain, Secrets: []string{secret}}, source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func signed(domain, secret string, body []byte) source.Sample {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return source.Sample{Path: orderPath, Body: body, Header: map[string]string{
		"Content-Type":          "application/json",
		"X-Shopify-Shop-Domain": domain,
		"X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}}
}

func order(id int) []byte { return fmt.Appendf(nil, `{"id":%d,"line_items":[]}`, id) }

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, "shopify", "a.example", "s"))
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", orderPath, 405, "POST"}, {"PUT", orderPath, 405, "POST"}, {"DELETE", orderPath + "/", 405, "POST"},
		{"HEAD", orderPath, 405, "POST"}, {"PATCH", "/webhooks/in/shopify", 405, "POST"},
		{"GET", "/", 404, ""}, {"POST", "/", 404, ""}, {"POST", "/webhooks/in/nobody", 404, ""}, {"POST", "/healthz", 404, ""},
		{"GET", "/metrics", 404, ""}, {"POST", "/webhooks/Shopify/order/create", 404, ""}, {"POST", orderPath + "//", 404, ""},
		{"POST", "/webhooks/in/..%2fshopify", 404, ""}, {"POST", "/webhooks/woocommerce/order/create", 404, ""},
		{"BREW", "/", 501, ""}, {"post", orderPath, 501, ""},
	} {
		request, err := http.NewRequest(c.method, door.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer := sourcetest.Do(t, request)
		if answer.Status != c.status || answer.Header.Get("Allow") != c.allow || len(answer.Body) > 200 ||
			answer.Body != "" && answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d, Allow %q, body %q; want %d, %q", c.method, c.path, answer.Status, answer.Header.Get("Allow"),
				answer.Body, c.status, c.allow)
		}
	}
	if kept := door.Log.Kept("webhooks."); len(kept) != 0 {
		t.Errorf("%d webhooks kept", len(kept))
	}
}

func TestSeveralShopsAreToldApart(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, "one", "one.example", "s1"), shop(t, "two", "Two.example", "s2"))
	for _, c := range []struct {
		domain, secret string
		status         int
	}{{"one.example", "s1", 200}, {"two.EXAMPLE", "s2", 200}, {"one.example", "s2", 403}, {"three.example", "s1", 403}} {
		if answer := door.Post(t, signed(c.domain, c.secret, order(1))); answer.Status != c.status {
			t.Errorf("%s by %s: %d, want %d", c.domain, c.secret, answer.Status, c.status)
		}
	}
	for prefix, count := range map[string]int{"webhooks.one.orders.create": 1, "webhooks.two.orders.create": 1,
		"rejected.one.signature": 1, "rejected.shopify.shop": 1} {
		door.Log.Await(t, prefix, count)
	}
}

// dial sends raw bytes and reads the first answer.
func dial(t *testing.T, door *sourcetest.Door, send func(io.Writer)) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(door.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go send(conn)
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestTooLargeIs413WithAndWithoutALength(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	door := sourcetest.Open(t, func(o *ingress.Options) { o.BodyLimit = limit }, shop(t, "shopify", "a.example", "s"))
	body := bytes.Repeat([]byte("x"), 4*limit)
	sample := signed("a.example", "s", body)
	if answer := door.Post(t, sample); answer.Status != 413 {
		t.Errorf("with a length: %d", answer.Status)
	}
	chunked, err := http.NewRequest("POST", door.URL+orderPath, io.MultiReader(bytes.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	if answer := sourcetest.Do(t, chunked); answer.Status != 413 {
		t.Errorf("chunked: %d", answer.Status)
	}
	endless := dial(t, door, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", orderPath)
		for range 10000 {
			if _, err := fmt.Fprintf(w, "1000\r\n%s\r\n", body[:0x1000]); err != nil {
				return
			}
		}
	})
	if endless.StatusCode != 413 {
		t.Errorf("endless: %d", endless.StatusCode)
	}
	announced := dial(t, door, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", orderPath)
	})
	if announced.StatusCode != 413 || announced.Header.Get("Allow") != "" {
		t.Errorf("announced: %d, Allow %q, before any of it is sent", announced.StatusCode, announced.Header.Get("Allow"))
	}
	elsewhere := dial(t, door, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "POST %s/ HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", orderPath)
	})
	if elsewhere.StatusCode != 413 || elsewhere.Header.Get("Allow") != "" {
		t.Errorf("with a slash: %d, Allow %q", elsewhere.StatusCode, elsewhere.Header.Get("Allow"))
	}
	if answer := door.Post(t, signed("a.example", "s", order(1))); answer.Status != 200 {
		t.Errorf("a good one after that: %d", answer.Status)
	}
}

func TestABodyAtTheLimitIsTaken(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	door := sourcetest.Open(t, func(o *ingress.Options) { o.BodyLimit = limit }, shop(t, "shopify", "a.example", "s"))
	body := append(order(1), bytes.Repeat([]byte(" "), limit)...)[:limit]
	if answer := door.Post(t, signed("a.example", "s", body)); answer.Status != 200 {
		t.Errorf("status %d", answer.Status)
	}
}

func TestBrokenHTTPIsAClearStatus(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, func(o *ingress.Options) { o.ReadTimeout = 200 * time.Millisecond }, shop(t, "shopify", "a.example", "s"))
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"no HTTP":       {"hello\r\n\r\n", 400},
		"big header":    {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
		"slow body":     {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{", 408},
		"slow chunks":   {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 408},
		"bad chunk":     {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"unknown verb":  {"BREW " + orderPath + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 501},
		"bad length":    {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400},
		"double shop":   {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nX-Shopify-Shop-Domain: a.example\r\nX-Shopify-Shop-Domain: b.example\r\nContent-Length: 2\r\n\r\n{}", 400},
		"double proof":  {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nX-Shopify-Shop-Domain: a.example\r\nX-Shopify-Hmac-Sha256: a\r\nX-Shopify-Hmac-Sha256: b\r\nContent-Length: 2\r\n\r\n{}", 400},
		"strange proof": {"POST " + orderPath + " HTTP/1.1\r\nHost: a\r\nX-Shopify-Shop-Domain: a.example\r\nX-Shopify-Hmac-Sha256: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}", 403},
	} {
		response := dial(t, door, func(w io.Writer) { _, _ = io.WriteString(w, c.text) })
		if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, response.StatusCode, c.status)
		}
		if media := response.Header.Get("Content-Type"); response.ContentLength != 0 && media != "application/problem+json" {
			t.Errorf("%s: answered as %s", name, media)
		}
	}
}

func TestRejectedWebhooksAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	door := sourcetest.Open(t, func(o *ingress.Options) { o.Now = func() time.Time { return now } }, shop(t, "shopify", "a.example", "s"))
	for i := range 400 {
		if answer := door.Post(t, signed("a.example", "wrong", order(i+1))); answer.Status != 403 {
			t.Fatalf("status %d", answer.Status)
		}
	}
	if kept := len(door.Log.Await(t, "rejected.", 200)); kept != 200 {
		t.Errorf("%d rejected kept of 400, want 200", kept)
	}
}

// halting is a log that takes its time.
type halting struct {
	source.Publisher
	free chan struct{}
}

func (h halting) Publish(ctx context.Context, m relay.Message) (relay.Receipt, error) {
	<-h.free
	return h.Publisher.Publish(ctx, m)
}

func TestABurstOfRejectedWebhooksIsKeptWhileTheLogIsSlow(t *testing.T) {
	t.Parallel()
	now, free := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), make(chan struct{})
	door := sourcetest.Open(t, func(o *ingress.Options) {
		o.Now, o.Publish = func() time.Time { return now }, halting{Publisher: o.Publish, free: free}
	}, shop(t, "shopify", "a.example", "s"))
	for i := range 250 {
		door.Post(t, signed("a.example", "wrong", order(i+1)))
	}
	close(free)
	if kept := len(door.Log.Await(t, "rejected.", 200)); kept != 200 {
		t.Errorf("%d rejected kept of 250, want 200", kept)
	}
}

func TestALargeRejectedBodyIsCut(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, "shopify", "a.example", "s"))
	door.Post(t, signed("a.example", "wrong", bytes.Repeat([]byte("x"), 900<<10)))
	kept := door.Log.Await(t, "rejected.shopify.signature", 1)[0]
	if len(kept.Body) != 256<<10 || kept.Header[ingress.HeaderCut] != fmt.Sprint(900<<10) {
		t.Errorf("%d bytes kept, cut header %q", len(kept.Body), kept.Header[ingress.HeaderCut])
	}
}

func TestTheSendersTraceGoesOn(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, "shopify", "a.example", "s"))
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for i, parent := range []string{"00-" + trace + "-00f067aa0ba902b7-01", "garbage", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"} {
		sample := signed("a.example", "s", order(i+1))
		sample.Header["Traceparent"] = parent
		door.Post(t, sample)
	}
	for i, m := range door.Log.Kept("webhooks.") {
		got := m.Header["traceparent"]
		if len(got) != 55 || strings.Contains(got, trace) != (i == 0) || strings.Contains(got, "00f067aa0ba902b7") {
			t.Errorf("%d: traceparent %q", i, got)
		}
	}
}

func TestTwoShopsOfOneDomainAreRefused(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]source.Source{
		"domain": {shop(t, "one", "a.example", "s"), shop(t, "two", "A.example/", "s")},
		"name":   {shop(t, "one", "a.example", "s"), shop(t, "one", "b.example", "s")},
	} {
		if _, err := source.NewRegistry(pair[0], pair[1]); err == nil {
			t.Errorf("same %s is accepted", name)
		}
	}
}

func TestEveryKindOfTheListHasASource(t *testing.T) {
	t.Parallel()
	for _, kind := range ingress.Kinds() {
		if kind.Name == "" || len(kind.Routes) == 0 || kind.New == nil || kind.Settings == nil {
			t.Errorf("kind %+v is not whole", kind)
		}
	}
}

func TestARejectedWebhookIsVerifiedAgainAfterTheSecretWasMended(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, "shopify", "a.example", "wrong"))
	for _, path := range []string{orderPath, "/webhooks/in/shopify"} {
		sample := signed("a.example", "right", order(len(path)))
		sample.Path = path
		sample.Header["X-Shopify-Webhook-Id"] = "w" + path
		door.Post(t, sample)
	}
	unknown := signed("b.example", "right", order(3))
	door.Post(t, unknown)
	mended, err := source.NewRegistry(shop(t, "shopify", "a.example", "right"), shop(t, "other", "b.example", "right"))
	if err != nil {
		t.Fatal(err)
	}
	stale, err := source.NewRegistry(shop(t, "shopify", "a.example", "wrong"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range door.Log.Await(t, "rejected.", 3) {
		if _, err := ingress.Verify(t.Context(), stale, m); err == nil {
			t.Errorf("%s is verified by the wrong secret", m.Subject)
		}
		again, err := ingress.Verify(t.Context(), mended, m)
		if err != nil || string(again.Body) != string(m.Body) || !strings.HasPrefix(again.Subject, "webhooks.") || again.DedupID == "" {
			t.Errorf("%s: %+v %v", m.Subject, again, err)
		}
		m.Header[ingress.HeaderCut] = "999999"
		if _, err := ingress.Verify(t.Context(), mended, m); err == nil {
			t.Error("a cut body is verified")
		}
	}
}

func TestAMessageLargerThanTheLogTakesIs413(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, shop(t, "shopify", "a.example", "s"))
	door.Log.Fail(relay.Errorf(relay.CodeTooLarge, "too large"))
	if answer := door.Post(t, signed("a.example", "s", order(1))); answer.Status != 413 {
		t.Errorf("status %d", answer.Status)
	}
}

func TestARefusalIsLoggedOnceWithItsSenderAndNothingSecret(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines bytes.Buffer
	locked := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return lines.Write(p)
	})
	door := sourcetest.Open(t, func(o *ingress.Options) {
		o.Log, o.TrustedProxies = slog.New(slog.NewTextHandler(locked, nil)), []string{"127.0.0.1"}
	}, shop(t, "shopify", "a.example", "s3cret-of-the-shop"))
	sample := signed("a.example", "wrong", []byte(`{"id":1,"email":"learner@example.com"}`))
	sample.Path += "?token=query-secret"
	sample.Header["X-Forwarded-For"] = "203.0.113.7"
	door.Post(t, sample)
	mu.Lock()
	defer mu.Unlock()
	text := lines.String()
	if strings.Count(text, "webhook refused") != 1 || !strings.Contains(text, "reason=signature") || !strings.Contains(text, "remote=203.0.113.7") {
		t.Errorf("log:\n%s", text)
	}
	for _, secret := range []string{"s3cret", "query-secret", "learner@", sample.Header["X-Shopify-Hmac-Sha256"]} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Senders that announce the largest body and send a few bytes of it hold no memory for the rest.
func TestAnAnnouncedBodyTakesNoMemoryBeforeItComes(t *testing.T) {
	const senders, limit = 200, 1 << 20
	door := sourcetest.Open(t, func(o *ingress.Options) { o.BodyLimit = limit }, shop(t, "shopify", "a.example", "s"))
	before := heap()
	for range senders {
		conn, err := net.Dial("tcp", strings.TrimPrefix(door.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\nx", orderPath, limit); err != nil {
			t.Fatal(err)
		}
	}
	if answer := door.Post(t, signed("a.example", "s", order(1))); answer.Status != 200 {
		t.Errorf("a good one beside them: %d", answer.Status)
	}
	if grown := heap() - before; grown > senders*limit/4 {
		t.Errorf("%d MiB held for %d senders of one byte", grown>>20, senders)
	}
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
