package filter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
)

type metrics struct {
	questions       *prometheus.CounterVec
	questionSeconds prometheus.Histogram
	calls           *prometheus.CounterVec
	callSeconds     *prometheus.HistogramVec
	dropped         *prometheus.CounterVec
	open            *prometheus.GaugeVec
	unrecorded      prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edrelay_notifier_filter_questions_total", Help: "Questions of Open edX by filter class and what it was answered.",
		}, []string{"class", "outcome"}),
		questionSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "edrelay_notifier_filter_question_seconds", Help: "Time that a question took with all its filters.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 8},
		}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edrelay_notifier_filter_calls_total", Help: "Filters asked, by name and outcome.",
		}, []string{"filter", "outcome"}),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "edrelay_notifier_filter_call_seconds", Help: "Time that a filter took to answer.",
			Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 8},
		}, []string{"filter"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "edrelay_notifier_filter_dropped_total", Help: "Things taken out of a filter's answers.",
		}, []string{"filter"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "edrelay_notifier_filter_open", Help: "1 while a filter is not asked because its URL does not answer.",
		}, []string{"filter"}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "edrelay_notifier_filter_unrecorded_total", Help: "Filter calls that never reached the ledger.",
		}),
	}
	registerer.MustRegister(m.questions, m.questionSeconds, m.calls, m.callSeconds, m.dropped, m.open, m.unrecorded)
	return m
}

func (m *metrics) call(call relay.FilterCall, took time.Duration) {
	m.calls.WithLabelValues(call.Name, string(call.Outcome)).Inc()
	if call.Outcome != relay.FilterSkipped {
		m.callSeconds.WithLabelValues(call.Name).Observe(took.Seconds())
	}
	m.dropped.WithLabelValues(call.Name).Add(float64(len(call.Dropped)))
}

func (m *metrics) gate(t *target) {
	open := 0.0
	if t.gate.open() {
		open = 1
	}
	m.open.WithLabelValues(t.Name).Set(open)
}
