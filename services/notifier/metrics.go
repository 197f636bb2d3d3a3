package notifier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
)

// metrics are what the notifier counts. Labels never hold what a stranger chose.
type metrics struct {
	attempts map[relay.DeliveryState]prometheus.Counter
	seconds  prometheus.Histogram
	latency  prometheus.Histogram
	batch    prometheus.Histogram
	ledger   prometheus.Histogram
	runners  prometheus.Gauge
	breakers prometheus.Gauge
}

var secondsBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

func newMetrics(registry prometheus.Registerer) *metrics {
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edrelay_notifier_attempts_total",
		Help: "Attempts of deliveries, by what they came to: delivered, waiting, parked."}, []string{"state"})
	m := &metrics{
		attempts: map[relay.DeliveryState]prometheus.Counter{},
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "edrelay_notifier_attempt_seconds",
			Help: "Time from a delivery begun to its answer read.", Buckets: secondsBuckets}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "edrelay_notifier_latency_seconds",
			Help: "Time from an event on the log to its delivery, of those delivered at once.", Buckets: secondsBuckets}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "edrelay_notifier_record_outcomes",
			Help: "Outcomes in one write to the ledger.", Buckets: prometheus.ExponentialBuckets(1, 2, 12)}),
		ledger: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "edrelay_notifier_record_seconds",
			Help: "Time of one write to the ledger.", Buckets: secondsBuckets}),
		runners: prometheus.NewGauge(prometheus.GaugeOpts{Name: "edrelay_notifier_subscriptions",
			Help: "Subscriptions that this process works."}),
		breakers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "edrelay_notifier_breakers_open",
			Help: "Subscriptions whose breaker is open in this process."}),
	}
	for _, state := range []relay.DeliveryState{relay.DeliveryDelivered, relay.DeliveryWaiting, relay.DeliveryParked} {
		m.attempts[state] = attempts.WithLabelValues(string(state))
	}
	if registry != nil {
		registry.MustRegister(attempts, m.seconds, m.latency, m.batch, m.ledger, m.runners, m.breakers)
	}
	return m
}

func (m *metrics) attempted(v verdict) {
	m.attempts[v.outcome.State].Inc()
	m.seconds.Observe(v.outcome.Attempt.DurationMS / 1000)
}

func (m *metrics) waited(stored, now time.Time, delivered bool) {
	if delivered {
		m.latency.Observe(now.Sub(stored).Seconds())
	}
}

func (m *metrics) recorded(outcomes int, took time.Duration) {
	m.batch.Observe(float64(outcomes))
	m.ledger.Observe(took.Seconds())
}
