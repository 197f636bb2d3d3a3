package bridge

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a bridge counts, by stream. Streams come from the configuration.
type metrics struct {
	entries     *prometheus.CounterVec // by stream and outcome
	unknown     prometheus.Counter
	claimed     *prometheus.CounterVec
	lost        *prometheus.CounterVec
	pendingGone *prometheus.CounterVec
	waiting     *prometheus.GaugeVec
	pending     *prometheus.GaugeVec
	trouble     prometheus.Counter
}

// newMetrics makes the metrics and hands them to registry, which may be nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edrelay_bridge_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "edrelay_bridge_" + name, Help: help}, []string{"stream"})
	}
	m := &metrics{
		entries: counter("entries_total", "Entries of the event bus, by what became of them: published, duplicate, parked, left in Redis.", "stream", "outcome"),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_bridge_unknown_types_total",
			Help: "Entries of event types that the catalogue doesn't know; they are parked."}),
		claimed:     counter("claimed_total", "Entries taken over from consumers that held them too long.", "stream"),
		lost:        counter("lost_total", "Entries that Redis trimmed before they were read.", "stream"),
		pendingGone: counter("pending_trimmed_total", "Entries that Redis trimmed while a consumer held them.", "stream"),
		waiting:     gauge("waiting_entries", "Entries of the stream that nobody of the group has read."),
		pending:     gauge("pending_entries", "Entries read and not yet acknowledged."),
		trouble: prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_bridge_sessions_failed_total",
			Help: "Times that reading had to begin again because Redis or the log was away."}),
	}
	if registry != nil {
		registry.MustRegister(m.entries, m.unknown, m.claimed, m.lost, m.pendingGone, m.waiting, m.pending, m.trouble)
	}
	return m
}
