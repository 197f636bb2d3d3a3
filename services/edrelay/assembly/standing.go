package assembly

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
)

// standing exports how full the log is, who is behind and what waits in the ledger. It asks when it is scraped, at most once
// in standingFresh and no longer than standingWithin; what can't be asked is left out.
type standing struct {
	ground *Ground
	whole  bool // also what all processes of a deployment share
	mu     sync.Mutex
	asked  time.Time
	last   []prometheus.Metric
}

const (
	standingFresh  = 5 * time.Second
	standingWithin = 3 * time.Second
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("edrelay_"+name, help, labels, nil)
}

var (
	buildInfo       = describe("build_info", "1; the label is edrelay's version.", "version")
	checkOK         = describe("check_ok", "1 for a condition of readiness that is met, 0 for one that is not.", "check")
	streamMessages  = describe("log_stream_messages", "Messages on a stream of the log.", "stream")
	streamLimit     = describe("log_stream_limit_bytes", "Bytes that a stream may hold; the oldest messages go first. Streams without a limit have none.", "stream")
	streamOldest    = describe("log_stream_oldest_seconds", "Age of the oldest message on a stream.", "stream")
	logStored       = describe("log_stored_bytes", "Bytes that the account of JetStream stores.")
	logLimit        = describe("log_stored_limit_bytes", "Bytes that the account of JetStream may store; left out where there is no limit.")
	backlog         = describe("log_backlog_messages", "Messages that a consumer has not been handed yet. Consumers are the enroller and the subscriptions by name.", "stream", "consumer")
	unsettled       = describe("log_unsettled_messages", "Messages handed out to a consumer and not settled.", "stream", "consumer")
	oldestWaiting   = describe("enroller_oldest_waiting_seconds", "Age of the enrolment that waits longest; 0 when none waits.")
	outboxWaiting   = describe("enroller_outbox_events", "Changes of enrolments that are not on the log yet.")
	outboxOldest    = describe("enroller_outbox_oldest_seconds", "Age of the oldest of them; 0 when there is none.")
	retriesWaiting  = describe("notifier_retries", "Deliveries that wait for their next attempt.", "subscription")
	retriesLate     = describe("notifier_retries_late_seconds", "How long the next attempt that was due first is overdue; 0 when none is.", "subscription")
	parked          = describe("parked", "What stopped and waits for a person: webhooks, deliveries. Enrolments stand in edrelay_enroller_enrollments.", "kind")
	replaysUnderWay = describe("replay_replays", "Replays under way: running, paused.", "state")
	connections     = describe("ledger_connections", "Connections of this process to the ledger: open, in_use, most.", "state")
	connectionWaits = describe("ledger_connection_waits_total", "Times that a connection was asked for while all were in use.")
	connectionTime  = describe("ledger_connection_seconds_total", "Time spent in taking connections.")
)

// Describe is of prometheus.Collector.
func (s *standing) Describe(out chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{
		buildInfo, checkOK, streamMessages, streamLimit, streamOldest, logStored, logLimit, backlog, unsettled,
		oldestWaiting, outboxWaiting, outboxOldest, retriesWaiting, retriesLate, parked, replaysUnderWay,
		connections, connectionWaits, connectionTime,
	} {
		out <- one
	}
}

// Collect is of prometheus.Collector.
func (s *standing) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) > standingFresh {
		ctx, cancel := context.WithTimeout(context.Background(), standingWithin)
		defer cancel()
		s.last, s.asked = s.ask(ctx), time.Now()
	}
	for _, metric := range s.last {
		out <- metric
	}
}

// figures gathers metrics.
type figures struct {
	all []prometheus.Metric
	now time.Time
}

func (f *figures) gauge(what *prometheus.Desc, value float64, labels ...string) {
	f.all = append(f.all, prometheus.MustNewConstMetric(what, prometheus.GaugeValue, value, labels...))
}

func (f *figures) counter(what *prometheus.Desc, value float64) {
	f.all = append(f.all, prometheus.MustNewConstMetric(what, prometheus.CounterValue, value))
}

// age gives the time since then; 0 of the zero time.
func (f *figures) age(then time.Time) float64 {
	if then.IsZero() {
		return 0
	}
	return max(f.now.Sub(then).Seconds(), 0)
}

func (s *standing) ask(ctx context.Context) []prometheus.Metric {
	g := s.ground
	f := figures{now: g.now()}
	f.gauge(buildInfo, 1, g.Version)
	for _, check := range g.checks() {
		ok := 0.0
		if check.Test(ctx) == nil {
			ok = 1
		}
		f.gauge(checkOK, ok, check.Name)
	}
	if g.Store != nil {
		f.pool(g.Store.Connections())
	}
	if !s.whole {
		return f.all
	}
	if log, err := g.Bus.Standing(ctx); err == nil {
		f.log(log)
	}
	if g.Store == nil {
		return f.all
	}
	if ledger, err := g.Store.LedgerStanding(ctx); err == nil {
		f.ledger(ledger)
	}
	return f.all
}

// Measure exports how this process stands; whole, also what all processes of a deployment share: how full the log is, who
// is behind and what waits in the ledger. One service of a deployment does that, or several that say the same.
func (g *Ground) Measure(whole bool) { g.Metrics.MustRegister(&standing{ground: g, whole: whole}) }

func (f *figures) log(log relay.LogStanding) {
	f.gauge(logStored, float64(log.Stored))
	if log.Limit > 0 {
		f.gauge(logLimit, float64(log.Limit))
	}
	for _, stream := range log.Streams {
		f.gauge(streamMessages, float64(stream.Messages), stream.Name)
		if stream.MaxBytes > 0 {
			f.gauge(streamLimit, float64(stream.MaxBytes), stream.Name)
		}
		if stream.Messages > 0 {
			f.gauge(streamOldest, f.age(stream.First), stream.Name)
		}
	}
	seen := map[string]bool{} // a subscription that is made anew under its name may have two for a moment
	for _, consumer := range log.Consumers {
		name := consumer.Name
		if of, is := strings.CutPrefix(consumer.Description, "subscription "); is {
			name = of
		}
		if key := consumer.Stream + " " + name; !seen[key] {
			seen[key] = true
			f.gauge(backlog, float64(consumer.Pending), consumer.Stream, name)
			f.gauge(unsettled, float64(consumer.InFlight), consumer.Stream, name)
		}
	}
}

func (f *figures) pool(pool relay.PoolStanding) {
	f.gauge(connections, float64(pool.Open), "open")
	f.gauge(connections, float64(pool.InUse), "in_use")
	f.gauge(connections, float64(pool.Most), "most")
	f.counter(connectionWaits, float64(pool.Waits))
	f.counter(connectionTime, pool.Waiting.Seconds())
}

func (f *figures) ledger(ledger relay.LedgerStanding) {
	f.gauge(oldestWaiting, f.age(ledger.OldestWaiting))
	f.gauge(outboxWaiting, float64(ledger.Outbox))
	f.gauge(outboxOldest, f.age(ledger.OldestOutbox))
	f.gauge(parked, float64(ledger.ParkedWebhooks), "webhook")
	f.gauge(parked, float64(ledger.ParkedDeliveries), "delivery")
	f.gauge(replaysUnderWay, float64(ledger.RunningReplays), string(relay.ReplayRunning))
	f.gauge(replaysUnderWay, float64(ledger.PausedReplays), string(relay.ReplayPaused))
	for _, retry := range ledger.Retries {
		f.gauge(retriesWaiting, float64(retry.Waiting), retry.Subscription)
		f.gauge(retriesLate, f.age(retry.Next), retry.Subscription)
	}
}
