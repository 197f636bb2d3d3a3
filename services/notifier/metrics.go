package notifier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
)

// metrics are what the notifier counts. Labels never hold what a stranger chose.
type metrics struct {
	attempts *prometheus.CounterVec // by subscription and result
	seconds  prometheus.Histogram
	latency  prometheus.Histogram
	batch    prometheus.Histogram
	ledger   prometheus.Histogram
	runners  prometheus.Gauge
	breakers prometheus.Gauge
	breaker  *prometheus.GaugeVec // by subscription
}

var secondsBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edrelay_notifier_attempts_total",
			Help: "Attempts of deliveries, by what they came to: delivered, waiting, parked."}, []string{"subscription", "state"}),
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
		breaker: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "edrelay_notifier_breaker_open",
			Help: "1 while a subscription's breaker is open: its URL fails and is only probed."}, []string{"subscription"}),
	}
	if registry != nil {
		registry.MustRegister(m.attempts, m.seconds, m.latency, m.batch, m.ledger, m.runners, m.breakers, m.breaker)
	}
	return m
}

// tally counts the attempts of one subscription.
type tally struct{ delivered, waiting, parked prometheus.Counter }

func (m *metrics) tally(subscription string) tally {
	of := func(state relay.DeliveryState) prometheus.Counter {
		return m.attempts.WithLabelValues(subscription, string(state))
	}
	return tally{of(relay.DeliveryDelivered), of(relay.DeliveryWaiting), of(relay.DeliveryParked)}
}

func (t tally) of(state relay.DeliveryState) prometheus.Counter {
	switch state {
	case relay.DeliveryDelivered:
		return t.delivered
	case relay.DeliveryWaiting:
		return t.waiting
	}
	return t.parked
}

// forget drops the figures of a subscription that this process does not work any more.
func (m *metrics) forget(subscription string) {
	m.attempts.DeletePartialMatch(prometheus.Labels{"subscription": subscription})
	m.breaker.DeleteLabelValues(subscription)
}

// breakersOf notes which breakers are open.
func (m *metrics) breakersOf(runners map[int64]*runner, now time.Time) {
	open := 0.0
	for _, r := range runners {
		value := 0.0
		if _, is := r.breaker.open(now); is {
			value = 1
		}
		open += value
		m.breaker.WithLabelValues(r.sub.Name).Set(value)
	}
	m.breakers.Set(open)
}

func (m *metrics) attempted(t tally, v verdict) {
	t.of(v.outcome.State).Inc()
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
