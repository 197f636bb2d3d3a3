package filter_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
)

// What edrelay adds to the time of the filter URLs themselves, over NATS and with the record written: budget 2 ms in
// the middle, 10 ms at the 99th percentile. The bare side asks the same URLs with the same client and nothing else.
func BenchmarkAddedTime(b *testing.B) {
	for _, filters := range []int{1, 5} {
		for _, parallel := range []bool{false, true} {
			b.Run(fmt.Sprintf("filters=%d/parallel=%v", filters, parallel), func(b *testing.B) { benchAdded(b, filters, parallel) })
		}
	}
}

func benchAdded(b *testing.B, filters int, parallel bool) {
	h := newHouse(b)
	client, err := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		b.Fatal(err)
	}
	var calls []egress.Request
	for i := range filters {
		u := answering(b, 200, `{"data":{"mode":"honor"}}`)
		h.declare(relay.Filter{Name: fmt.Sprintf("f%d", i), URL: u.URL, Parallel: parallel})
		parsed, err := egress.ParseURL(u.URL)
		if err != nil {
			b.Fatal(err)
		}
		calls = append(calls, egress.Request{URL: parsed, Body: []byte(enrollment)})
	}
	request, err := webfilter.Parse(h.catalogue, "application/json", []byte(enrollment))
	if err != nil {
		b.Fatal(err)
	}
	var bare, whole []time.Duration
	for b.Loop() {
		bare = append(bare, timed(func() { bareCalls(b, client, calls, parallel) }))
		whole = append(whole, timed(func() {
			if answer, err := webfilter.Ask(b.Context(), h.bus, request, time.Now()); err != nil || len(answer) < 10 {
				b.Errorf("%s, error %v", answer, err)
			}
		}))
	}
	slices.Sort(bare)
	slices.Sort(whole)
	for name, p := range map[string]float64{"p50": .50, "p99": .99} {
		i := int(p * float64(len(bare)-1))
		b.ReportMetric(float64((whole[i]-bare[i]).Microseconds())/1000, "added-ms-"+name)
		b.ReportMetric(float64(bare[i].Microseconds())/1000, "bare-ms-"+name)
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func bareCalls(b *testing.B, client *egress.Client, calls []egress.Request, parallel bool) {
	done := make(chan error, len(calls))
	for _, c := range calls {
		call := func() { _, err := client.Do(b.Context(), c); done <- err }
		if parallel {
			go call()
		} else {
			call()
		}
	}
	for range calls {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}
