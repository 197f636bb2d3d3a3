package bus_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

// BenchmarkPublish compares grouped with single publishes, each with an fsync before the receipt.
func BenchmarkPublish(b *testing.B) {
	for _, mode := range []struct {
		name  string
		group int
	}{{"grouped", 0}, {"single", 1}} {
		for _, callers := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%s/callers=%d", mode.name, callers), func(b *testing.B) {
				benchmarkPublish(b, callers, func(c *bus.Config) { c.GroupMax = mode.group })
			})
		}
	}
}

func benchmarkPublish(b *testing.B, callers int, change func(*bus.Config)) {
	g := newGround(b)
	log := g.staged(g.connect(change))
	body := bytes.Repeat([]byte("x"), 6400)
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	var next sync.Mutex
	left := 0
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				next.Lock()
				n := left
				left++
				next.Unlock()
				if n >= b.N {
					return
				}
				id := run + strconv.Itoa(n)
				m := relay.Message{Subject: "webhooks.shopify.orders.create", ID: id, Type: "t", Source: "/s",
					Time: time.Now(), ContentType: "application/json", DedupID: id, Body: body}
				if _, err := log.Publish(b.Context(), m); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
