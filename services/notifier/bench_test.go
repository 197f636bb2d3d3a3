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

// The budget of the notifier: its rate as a part of the rate at which the same client posts the same body to the same
// sink, signed by nobody and written nowhere; both in one run, with the sink on the same processors.
const (
	benchRounds     = 5
	benchRound      = time.Second // of the bare side
	benchDeliveries = 20_000      // of the other side's round
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
	for i := range subscriptions {
		g.subscribe(fmt.Sprint("s", i), sink.url, func(d *subscription.Declaration) { d.Format = ptr(relay.FormatPluginJSON) })
	}
	g.run()
	type round struct{ bare, delivered float64 }
	var rounds []round
	for i := range benchRounds {
		bare := bareRate(b, g, sink, 16*subscriptions)
		rounds = append(rounds, round{bare, drainRate(b, g, sink, subscriptions, i)})
	}
	slices.SortFunc(rounds, func(x, y round) int { return cmp.Compare(x.delivered/x.bare, y.delivered/y.bare) })
	median := rounds[benchRounds/2]
	b.ReportMetric(median.bare, "bare/s")
	b.ReportMetric(median.delivered, "delivered/s")
	b.ReportMetric(100*median.delivered/median.bare, "%ofbare")
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
	seen  func(id string)
}

func newBenchSink(b *testing.B) *benchSink {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	s := &benchSink{url: "http://" + listener.Addr().String() + "/hook"}
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		if s.seen != nil {
			s.seen(string(c.Request.Header.Peek("webhook-id")))
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

func bareRate(b *testing.B, g *ground, sink *benchSink, callers int) float64 {
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
				header := http.Header{"Content-Type": {"application/json"}}
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

// drainRate tells how many deliveries a second leave in a round, counted until the last is in the ledger and
// acknowledged.
func drainRate(b *testing.B, g *ground, sink *benchSink, subscriptions, round int) float64 {
	for i := range subscriptions {
		_, err := g.registry.PauseSubscription(b.Context(), fmt.Sprint("s", i))
		must(b, err)
	}
	events := benchDeliveries / subscriptions
	for first := 0; first < events; first += 1000 {
		var batch []relay.Message
		for i := first; i < first+1000; i++ {
			batch = append(batch, benchEvent(round*benchDeliveries+i))
		}
		_, err := g.bus.PublishBatch(b.Context(), batch)
		must(b, err)
	}
	before := sink.count.Load()
	for i := range subscriptions {
		_, err := g.registry.ResumeSubscription(b.Context(), fmt.Sprint("s", i))
		must(b, err)
	}
	eventually(b, "the first delivery", func() bool { return sink.count.Load() > before })
	began, first := time.Now(), sink.count.Load()-before
	eventually(b, "all deliveries on record", func() bool {
		if sink.count.Load()-before < int64(events*subscriptions) {
			return false
		}
		rows, err := g.registry.Subscriptions(b.Context())
		return err == nil && !slices.ContainsFunc(rows, func(s relay.Subscription) bool { return s.Backlog > 0 })
	})
	return float64(int64(events*subscriptions)-first) / time.Since(began).Seconds()
}

// latencies publishes 100 events a second, each at its time, and tells when they arrive.
func latencies(b *testing.B) {
	g, sink := newBenchGround(b), newBenchSink(b)
	const count = 500
	spans := make([]time.Duration, count)
	accepted := make([]time.Time, count)
	ids := map[string]int{}
	for i := range count {
		ids[eventID(i)] = i
	}
	var mu sync.Mutex
	sink.seen = func(id string) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		spans[ids[id]] = now.Sub(accepted[ids[id]])
	}
	g.run()
	g.subscribe("s", sink.url, func(d *subscription.Declaration) { d.Format = ptr(relay.FormatPluginJSON) })
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var wg sync.WaitGroup
	for i := range count {
		<-pace.C
		wg.Go(func() {
			mu.Lock()
			accepted[i] = time.Now()
			mu.Unlock()
			_, err := g.bus.Publish(b.Context(), benchEvent(i))
			must(b, err)
		})
	}
	wg.Wait()
	eventually(b, "all deliveries", func() bool { return sink.count.Load() >= count })
	slices.Sort(spans)
	b.ReportMetric(float64(spans[count/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(spans[count*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(5, "p50-budget-ms")
	b.ReportMetric(25, "p99-budget-ms")
	b.ReportMetric(0, "ns/op")
}
