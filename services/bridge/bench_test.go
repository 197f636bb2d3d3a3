package bridge_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/relay"
)

// benchBacklog is how many entries one measurement carries.
const benchBacklog = 30_000

// BenchmarkBridge measures the whole way from Redis to the log with fsync, and its two halves alone: reading and
// acknowledging on Redis, and publishing to the log. Budget: at least 10,000 events a second.
func BenchmarkBridge(b *testing.B) {
	b.Run("redis-to-events", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			g := newGround(b)
			g.add(1, benchBacklog)
			o := g.options()
			o.Batch = 0
			began := time.Now()
			b.StartTimer()
			stop := g.run(o)
			g.acknowledged("edrelay")
			b.ReportMetric(benchBacklog/time.Since(began).Seconds(), "events/s")
			stop()
		}
	})
	b.Run("redis-alone", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			g := newGround(b)
			g.add(1, benchBacklog)
			began := time.Now()
			b.StartTimer()
			readAndAck(b, g)
			b.ReportMetric(benchBacklog/time.Since(began).Seconds(), "events/s")
		}
	})
	b.Run("log-alone", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			g := newGround(b)
			messages := make([]relay.Message, 0, 500)
			for n := range 500 {
				messages = append(messages, g.event(n))
			}
			began := time.Now()
			b.StartTimer()
			for i := range benchBacklog / len(messages) {
				for n := range messages {
					messages[n].DedupID = eventID(i*len(messages) + n)
				}
				if _, err := g.bus.PublishBatch(context.Background(), messages); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(benchBacklog/time.Since(began).Seconds(), "events/s")
		}
	})
}

func readAndAck(b *testing.B, g *ground) {
	ctx := context.Background()
	if err := g.redis.client.XGroupCreate(ctx, key, "bench", "0").Err(); err != nil {
		b.Fatal(err)
	}
	for got := 0; got < benchBacklog; {
		streams, err := g.redis.client.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: "bench", Consumer: "c", Streams: []string{key, ">"}, Count: 500}).Result()
		if err != nil {
			b.Fatal(err)
		}
		ids := make([]string, 0, 500)
		for _, m := range streams[0].Messages {
			ids = append(ids, m.ID)
		}
		if err := g.redis.client.XAck(ctx, key, "bench", ids...).Err(); err != nil {
			b.Fatal(err)
		}
		got += len(ids)
	}
}
