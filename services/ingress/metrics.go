package ingress

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the door counts.
type metrics struct {
	webhooks *prometheus.CounterVec // by source and outcome
	refused  *prometheus.CounterVec // by status, of what reached no source
	seconds  prometheus.Histogram
	lost     prometheus.Counter
	unknown  prometheus.Counter
	panics   prometheus.Counter
}

// newMetrics makes the metrics and hands them to registry, which may be nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edrelay_ingress_webhooks_total",
			Help: "Requests to a source, by what became of them: accepted, duplicate, greeted, or why they were refused."},
			[]string{"source", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edrelay_ingress_refused_total",
			Help: "Requests that reached no source, by status."}, []string{"status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "edrelay_ingress_request_seconds",
			Help:    "Time from a request read to its answer ready.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_ingress_rejected_dropped_total",
			Help: "Rejected requests not kept, because there were too many."}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_ingress_unknown_types_total",
			Help: "Events taken whose type the catalogue of Open edX doesn't know."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_ingress_panics_total",
			Help: "Requests that ended in a defect of ours."}),
	}
	if registry != nil {
		registry.MustRegister(m.webhooks, m.refused, m.seconds, m.lost, m.unknown, m.panics)
	}
	return m
}
