package ingress_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

// The budget of the door: its rate as a part of the rate of a bare Fiber handler that checks the same HMAC and parses
// the same JSON and keeps nothing, both in one run on one machine with the callers on the same processors.
const (
	benchRound  = 2 * time.Second
	benchRounds = 3
	benchSecret = "bench-secret"
	benchShop   = "bench.myshopify.com"
)

// BenchmarkBudget prints both sides of the budget, the latency at 1,000 requests a second, and what a request
// allocates.
func BenchmarkBudget(b *testing.B) {
	shop := shop(b, "shopify", benchShop, benchSecret)
	real := serveReal(b, shop)
	bare := serveBare(b)
	for _, budget := range []struct {
		callers int
		part    float64
	}{{64, 35}, {256, 50}} {
		b.Run(fmt.Sprintf("callers=%d", budget.callers), func(b *testing.B) {
			for b.Loop() {
				compare(b, bare, real, budget.callers, budget.part)
			}
		})
	}
	b.Run("rate=1000", func(b *testing.B) {
		for b.Loop() {
			latency(b, real)
		}
	})
	b.Run("allocations", func(b *testing.B) { allocations(b, shop) })
}

func compare(b *testing.B, bare, real string, callers int, part float64) {
	var bares, reals []float64
	for range benchRounds {
		bares = append(bares, rate(b, bare, callers))
		reals = append(reals, rate(b, real, callers))
	}
	slices.Sort(bares)
	slices.Sort(reals)
	is, was := reals[benchRounds/2], bares[benchRounds/2]
	b.ReportMetric(was, "bare/s")
	b.ReportMetric(is, "durable/s")
	b.ReportMetric(100*is/was, "%ofbare")
	b.ReportMetric(part, "%budget")
	b.ReportMetric(0, "ns/op")
}

// rate tells how many requests a second so many callers get through.
func rate(b *testing.B, url string, callers int) float64 {
	b.Helper()
	client := &fasthttp.HostClient{Addr: strings.TrimPrefix(url, "http://"), MaxConns: callers}
	defer client.CloseIdleConnections()
	sample := signed(benchShop, benchSecret, benchOrder(1))
	ctx, cancel := context.WithTimeout(context.Background(), benchRound)
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := post(client, url, sample); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// latency sends 1,000 a second, each at its time whether or not those before are answered.
func latency(b *testing.B, url string) {
	client := &fasthttp.HostClient{Addr: strings.TrimPrefix(url, "http://"), MaxConns: 1024}
	defer client.CloseIdleConnections()
	const count = 4000
	sample := signed(benchShop, benchSecret, benchOrder(1))
	spans := make([]time.Duration, count)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range count {
		due := began.Add(time.Duration(i) * time.Millisecond)
		<-time.After(time.Until(due))
		wg.Go(func() {
			if err := post(client, url, sample); err != nil {
				b.Error(err)
			}
			spans[i] = time.Since(due)
		})
	}
	wg.Wait()
	slices.Sort(spans)
	b.ReportMetric(float64(spans[count/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(spans[count*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(50, "p99-budget-ms")
	b.ReportMetric(0, "ns/op")
}

// allocations counts what one request allocates in the door alone, without a server's or a caller's part.
func allocations(b *testing.B, shop source.Source) {
	sample, id := signed(benchShop, benchSecret, benchOrder(1)), 0
	header := map[string][]string{}
	for name, value := range sample.Header {
		header[name] = []string{value}
	}
	b.ReportAllocs()
	for b.Loop() {
		id++
		r := &source.Request{Method: "POST", Path: orderPath, Topic: "orders/create", Header: benchHeader(header),
			Body: sample.Body, Received: time.Now()}
		if err := shop.Verify(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		if _, err := shop.Accept(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

type benchHeader map[string][]string

func (h benchHeader) Values(name string) []string { return h[name] }

func (h benchHeader) Get(name string) string {
	if len(h[name]) == 0 {
		return ""
	}
	return h[name][0]
}

// lastID numbers the deliveries: each is a webhook of its own, whatever its body.
var lastID atomic.Int64

func post(client *fasthttp.HostClient, url string, sample source.Sample) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(url + orderPath)
	request.Header.SetMethod("POST")
	for name, value := range sample.Header {
		request.Header.Set(name, value)
	}
	request.Header.Set("X-Shopify-Webhook-Id", strconv.FormatInt(lastID.Add(1), 10))
	request.SetBodyRaw(sample.Body)
	if err := client.DoTimeout(request, response, 20*time.Second); err != nil {
		return err
	}
	if response.StatusCode() != 200 {
		return fmt.Errorf("status %d", response.StatusCode())
	}
	return nil
}

// serveReal starts the door over a real log with an fsync before each receipt.
func serveReal(b *testing.B, shop source.Source) string {
	b.Helper()
	server, err := embedded.StartNATS(embedded.NATSConfig{Dir: b.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Shutdown)
	log, err := bus.Connect(b.Context(), bus.Config{URL: server.URL(), InProcess: server})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(log.Close)
	if err := log.EnsureStreams(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := server.StageInMemory(relay.StreamWebhooks); err != nil {
		b.Log(err)
	}
	return sourcetest.Open(b, func(o *ingress.Options) { o.Publish = log }, shop).URL
}

// serveBare starts the other side of the budget.
func serveBare(b *testing.B) string {
	b.Helper()
	secrets, err := source.NewSecrets(benchSecret)
	if err != nil {
		b.Fatal(err)
	}
	app := fiber.New(fiber.Config{BodyLimit: 1 << 20})
	app.Post(orderPath, func(c fiber.Ctx) error {
		body := c.BodyRaw()
		if !secrets.Signed(body, c.Get("X-Shopify-Hmac-Sha256")) {
			return c.SendStatus(403)
		}
		var order benchOrderShape
		if err := json.Unmarshal(body, &order); err != nil {
			return c.SendStatus(400)
		}
		return c.SendStatus(200)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true}) }()
	b.Cleanup(func() { _ = app.Shutdown(); <-ended })
	return "http://" + listener.Addr().String()
}

// benchOrderShape is what the shop's order is read into, without the rules of edrelay.
type benchOrderShape struct {
	ID              json.Number `json:"id"`
	Name            string      `json:"name"`
	FinancialStatus string      `json:"financial_status"`
	CancelledAt     *string     `json:"cancelled_at"`
	UpdatedAt       string      `json:"updated_at"`
	CreatedAt       string      `json:"created_at"`
	LineItems       []struct {
		ID         json.Number `json:"id"`
		SKU        string      `json:"sku"`
		Quantity   int         `json:"quantity"`
		Properties []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"properties"`
	} `json:"line_items"`
}

// benchOrder is an order of 6.4 KB.
func benchOrder(id int64) []byte {
	line := func(n int) map[string]any {
		return map[string]any{"id": 14000000000000 + n, "admin_graphql_api_id": "gid://shopify/LineItem/14000000000000",
			"variant_id": 447654529, "title": "Course seat", "quantity": 1, "sku": "course-v1:edX+DemoX+2026_T1", "variant_title": "",
			"vendor": "Academy", "fulfillment_service": "manual", "product_id": 788032119674292922, "requires_shipping": false,
			"taxable": true, "gift_card": false, "name": "Course seat", "price": "199.00", "grams": 0, "total_discount": "0.00",
			"properties": []map[string]string{{"name": "email", "value": fmt.Sprintf("learner%d@example.com", n)}},
			"tax_lines":  []map[string]any{{"title": "VAT", "price": "31.77", "rate": 0.19}}, "duties": []any{}}
	}
	address := map[string]any{"first_name": "Ada", "address1": "1 Rue des Carrieres", "phone": "555-625-1199", "city": "Quebec",
		"zip": "G1R 4L3", "province": "Quebec", "country": "Canada", "last_name": "Lovelace", "company": nil,
		"latitude": 46.8, "longitude": -71.2, "name": "Ada Lovelace", "country_code": "CA", "province_code": "QC"}
	body, err := json.Marshal(map[string]any{"id": id, "name": "#1001", "email": "buyer@example.com", "financial_status": "paid",
		"created_at": "2026-01-02T03:04:05+01:00", "updated_at": "2026-01-02T03:04:06+01:00", "cancelled_at": nil,
		"currency": "EUR", "total_price": "398.00", "test": false, "customer": map[string]any{"id": 207119551,
			"email": "buyer@example.com", "first_name": "Ada", "last_name": "Lovelace", "default_address": address},
		"billing_address": address, "shipping_address": address, "line_items": []any{line(1), line(2), line(3)},
		"note_attributes": []any{}, "refunds": []any{}, "landing_site": strings.Repeat("/collections/courses", 90)})
	if err != nil {
		panic(err)
	}
	const size = 6400
	if len(body) < size {
		body = append(body[:len(body)-1], `,"note":"`+strings.Repeat("n", size-len(body)-11)+`"}`...)
	}
	return body
}

func TestTheBenchmarkMeasuresAnOrderOfTheBudgetsSize(t *testing.T) {
	t.Parallel()
	if size := len(benchOrder(1)); size < 6300 || size > 6500 {
		t.Errorf("the order has %d bytes, want about 6,400", size)
	}
	order, err := shop(t, "shopify", benchShop, benchSecret).Read("orders/create", nil, benchOrder(1))
	if err != nil || len(order.Lines) != 3 || order.Intent != relay.IntentEnroll {
		t.Errorf("%+v %v", order, err)
	}
	runtime.KeepAlive(order)
}
