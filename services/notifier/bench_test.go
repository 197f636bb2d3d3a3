package notifier_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// The budget of the notifier: its rate as a part of the rate at which the same client posts the same requests to the same
// sink, made once and written nowhere; both in one run, with the sink on the same processors. Beside it stands the rate
// of posts that have the body only and none of the headers that a delivery must have.
const (
	benchRounds     = 5
	benchRound      = 2 * time.Second // of each other side
	benchDeliveries = 60_000          // of the notifier's round
)

// BenchmarkBudget prints both sides for one subscription and for ten, and the latency at 100 events a second.
func BenchmarkBudget(b *testing.B) {
	for _, budget := range []struct {
		subscriptions int
		part          float64
	}{{1, 35}, {10, 50}} {
		b.Run(fmt.Sprintf("subscriptions=%d", budget.subscriptions), func(b *testing.B) {
			for b.Loop() {
				compare(b, budget.subscriptions)
				b.ReportMetric(budget.part, "%budget")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
	b.Run("dead=1of10", func(b *testing.B) {
		for b.Loop() {
			besideDead(b)
		}
	})
	b.Run("rate=100", func(b *testing.B) {
		for b.Loop() {
			latencies(b)
		}
	})
}

// compare takes the two sides in turn, for a machine is not as fast in one second as in the next, and reports the round
// of the median part.
func compare(b *testing.B, subscriptions int) {
	g, sink := newBenchGround(b), newBenchSink(b)
	names := g.subscribeAll(sink, subscriptions)
	g.run()
	header := delivered(b, g, sink)
	var same, plain []part
	for range benchRounds {
		bare := bareRate(b, g, sink, 16*subscriptions, header)
		body := bareRate(b, g, sink, 16*subscriptions, http.Header{"Content-Type": {"application/json"}})
		rate := drainRate(b, g, sink, names)
		same, plain = append(same, part{bare, rate}), append(plain, part{body, rate})
	}
	median, beside := middle(same), middle(plain)
	b.ReportMetric(median[0], "bare/s")
	b.ReportMetric(median[1], "delivered/s")
	b.ReportMetric(100*median[1]/median[0], "%ofbare")
	b.ReportMetric(beside[0], "body-only/s")
	b.ReportMetric(100*beside[1]/beside[0], "%ofbodyonly")
}

// subscribeAll has so many subscriptions to the sink and gives their names.
func (g *ground) subscribeAll(sink *benchSink, count int) (names []string) {
	for i := range count {
		names = append(names, fmt.Sprint("s", i))
		g.subscribe(names[i], sink.url, func(d *subscription.Declaration) { d.Format = ptr(relay.FormatPluginJSON) })
	}
	return names
}

// besideDead takes nine subscriptions by themselves and beside one whose subscriber is dead, in turn, and reports the
// rounds of the median part.
func besideDead(b *testing.B) {
	g, sink, gone := newBenchGround(b), newBenchSink(b), newSink(b, nil)
	gone.Close()
	names := g.subscribeAll(sink, 9)
	g.subscribe("dead", gone.URL)
	g.run()
	var rates, medians, tails []part
	for range benchRounds {
		var rate, median, tail part
		for i, steer := range []func(context.Context, string) (relay.Subscription, error){
			g.registry.PauseSubscription, g.registry.ResumeSubscription,
		} {
			_, err := steer(b.Context(), "dead")
			must(b, err)
			rate[i] = drainRate(b, g, sink, names)
			spans := paced(b, g, sink, len(names), 200)
			median[i], tail[i] = milliseconds(spans, 50), milliseconds(spans, 99)
		}
		rates, medians, tails = append(rates, rate), append(medians, median), append(tails, tail)
	}
	rate, median, tail := middle(rates), middle(medians), middle(tails)
	b.ReportMetric(rate[0], "alone/s")
	b.ReportMetric(rate[1], "beside/s")
	b.ReportMetric(100*rate[1]/rate[0], "%ofalone")
	b.ReportMetric(95, "%budget")
	b.ReportMetric(median[0], "alone-p50-ms")
	b.ReportMetric(median[1], "beside-p50-ms")
	b.ReportMetric(tail[0], "alone-p99-ms")
	b.ReportMetric(tail[1], "beside-p99-ms")
	b.ReportMetric(0, "ns/op")
}

// part is a figure on both sides of a ratio.
type part [2]float64

// middle gives the round of the median ratio.
func middle(rounds []part) part {
	slices.SortFunc(rounds, func(x, y part) int { return cmp.Compare(x[1]/x[0], y[1]/y[0]) })
	return rounds[len(rounds)/2]
}

// newBenchGround has the server stage batches in memory, as `up` does, and speaks to it in the process.
func newBenchGround(b *testing.B) *ground {
	server, err := embedded.StartNATS(embedded.NATSConfig{Dir: b.TempDir(), Addr: "127.0.0.1:0"})
	must(b, err)
	b.Cleanup(server.Shutdown)
	connected, err := bus.Connect(b.Context(), bus.Config{URL: server.URL(), InProcess: server})
	must(b, err)
	b.Cleanup(connected.Close)
	must(b, connected.EnsureStreams(b.Context()))
	must(b, server.StageInMemory(relay.StreamEvents))
	return groundOn(b, connected)
}

// benchSink answers 200 to everything and counts.
type benchSink struct {
	url   string
	count atomic.Int64
	seen  atomic.Pointer[func(id string)]
	last  atomic.Pointer[http.Header]
}

func newBenchSink(b *testing.B) *benchSink {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	s := &benchSink{url: "http://" + listener.Addr().String() + "/hook"}
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		if seen := s.seen.Load(); seen != nil {
			(*seen)(string(c.Request.Header.Peek("webhook-id")))
		}
		if s.last.Load() == nil {
			header := http.Header{}
			for name, value := range c.Request.Header.All() {
				header.Set(string(name), string(value))
			}
			s.last.Store(&header)
		}
		s.count.Add(1)
	}}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = listener.Close() })
	return s
}

func benchEvent(i int) relay.Message {
	m := sample(i)
	m.Body = append([]byte(`{"thing":{"number":`+strconv.Itoa(i)+`,"text":"`), append(bytes.Repeat([]byte("x"), 960), `"}}`...)...)
	return m
}

// delivered gives the headers of a delivery, without those that the client writes itself.
func delivered(b *testing.B, g *ground, sink *benchSink) http.Header {
	_, err := g.bus.Publish(b.Context(), benchEvent(int(benchEvents.Add(1))))
	must(b, err)
	eventually(b, "a delivery", func() bool { return sink.last.Load() != nil })
	header := *sink.last.Load()
	for _, name := range []string{"Host", "Content-Length", "User-Agent", "Accept-Encoding"} {
		header.Del(name)
	}
	if header.Get("Webhook-Signature") == "" || header.Get("Ce-Id") == "" {
		b.Fatalf("headers of a delivery: %v", header)
	}
	return header
}

func bareRate(b *testing.B, g *ground, sink *benchSink, callers int, header http.Header) float64 {
	target, err := url.Parse(sink.url)
	must(b, err)
	client, err := egress.New(egress.Options{AllowNetworks: loopback})
	must(b, err)
	defer client.CloseIdle()
	_, body, err := g.catalogue.Encode(relay.FormatPluginJSON, benchEvent(1))
	must(b, err)
	ctx, cancel := context.WithTimeout(b.Context(), benchRound)
	defer cancel()
	before, began := sink.count.Load(), time.Now()
	var wg sync.WaitGroup
	for range min(callers, 64) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := client.Do(b.Context(), egress.Request{URL: target, Header: header, Body: body}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(sink.count.Load()-before) / time.Since(began).Seconds()
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// benchEvents numbers the events, for each is published once.
var benchEvents atomic.Int64

// drainRate lets a backlog go to the subscriptions and tells how many deliveries a second leave, counted until the last
// is in the ledger and acknowledged.
func drainRate(b *testing.B, g *ground, sink *benchSink, names []string) float64 {
	for _, name := range names {
		_, err := g.registry.PauseSubscription(b.Context(), name)
		must(b, err)
	}
	deliveries := int64(0)
	for deliveries < benchDeliveries {
		var batch []relay.Message
		for range 1000 {
			batch = append(batch, benchEvent(int(benchEvents.Add(1))))
		}
		_, err := g.bus.PublishBatch(b.Context(), batch)
		must(b, err)
		deliveries += int64(len(batch) * len(names))
	}
	before := sink.count.Load()
	var resuming sync.WaitGroup
	for _, name := range names { // all at once, for each is in force when it returns
		resuming.Go(func() {
			_, err := g.registry.ResumeSubscription(b.Context(), name)
			must(b, err)
		})
	}
	eventually(b, "the first delivery", func() bool { return sink.count.Load() > before })
	began, first := time.Now(), sink.count.Load()-before
	eventually(b, "all deliveries on record", func() bool {
		if sink.count.Load()-before < deliveries {
			return false
		}
		rows, err := g.registry.Subscriptions(b.Context())
		return err == nil && !slices.ContainsFunc(rows, func(s relay.Subscription) bool {
			return slices.Contains(names, s.Name) && s.Backlog > 0
		})
	})
	resuming.Wait()
	return float64(deliveries-first) / time.Since(began).Seconds()
}

// latencies are how long one subscription waits for its events at 100 a second.
func latencies(b *testing.B) {
	g, sink := newBenchGround(b), newBenchSink(b)
	g.run()
	g.subscribeAll(sink, 1)
	spans := paced(b, g, sink, 1, 500)
	b.ReportMetric(milliseconds(spans, 50), "p50-ms")
	b.ReportMetric(milliseconds(spans, 99), "p99-ms")
	b.ReportMetric(5, "p50-budget-ms")
	b.ReportMetric(25, "p99-budget-ms")
	b.ReportMetric(0, "ns/op")
}

// paced publishes 100 events a second, each at its time, and tells how long each was on its way to each of the
// subscribers, in rising order.
func paced(b *testing.B, g *ground, sink *benchSink, subscribers, count int) []time.Duration {
	var mu sync.Mutex
	accepted := map[string]time.Time{}
	var spans []time.Duration
	sink.seen.Store(new(func(id string) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if at, ok := accepted[id]; ok {
			spans = append(spans, now.Sub(at))
		}
	}))
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var wg sync.WaitGroup
	for range count {
		<-pace.C
		m := benchEvent(int(benchEvents.Add(1)))
		wg.Go(func() {
			mu.Lock()
			accepted[m.ID] = time.Now()
			mu.Unlock()
			_, err := g.bus.Publish(b.Context(), m)
			must(b, err)
		})
	}
	wg.Wait()
	eventually(b, "all deliveries", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(spans) >= count*subscribers
	})
	sink.seen.Store(nil)
	slices.Sort(spans)
	return spans
}

func milliseconds(spans []time.Duration, percent int) float64 {
	return float64(spans[len(spans)*percent/100].Microseconds()) / 1000
}
