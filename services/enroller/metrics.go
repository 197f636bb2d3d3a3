package enroller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

type metrics struct {
	read       *prometheus.CounterVec
	calls      *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	learners   prometheus.Histogram
	rows       *prometheus.GaugeVec
	conditions *prometheus.GaugeVec
	spent      prometheus.Gauge
	events     prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	name := func(text string) string { return "edrelay_enroller_" + text }
	m := &metrics{
		read: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("webhooks_total"), Help: "Webhooks recorded, by the state that they ended in."}, []string{"state"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("lms_calls_total"), Help: "Calls to the LMS, by what was asked and what it came to."}, []string{"call", "verdict"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name("lms_call_seconds"), Help: "How long bulk calls took.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"call"}),
		learners: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name("lms_call_learners"), Help: "Learners in a bulk call.", Buckets: []float64{1, 2, 5, 10, 25, 50, 100, 250}}),
		rows: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("enrollments"), Help: "Enrolments in the ledger, by state."}, []string{"state"}),
		conditions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("lms_condition"), Help: "1 for the condition of the LMS: ready, down, paused or absent."}, []string{"condition"}),
		spent: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("lms_budget_spent"), Help: "Calls of the last minute that count against lms.calls_per_minute, of all processes."}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("events_total"), Help: "Changes of state published as events."}),
	}
	if registry != nil {
		registry.MustRegister(m.read, m.calls, m.seconds, m.learners, m.rows, m.conditions, m.spent, m.events)
	}
	return m
}

func (m *metrics) webhooks(counts map[relay.WebhookState]int) {
	for state, n := range counts {
		m.read.WithLabelValues(string(state)).Add(float64(n))
	}
}

func (m *metrics) call(what string, verdict lms.Verdict, learners int, took time.Duration) {
	m.calls.WithLabelValues(what, string(verdict.Kind)).Inc()
	if took > 0 {
		m.seconds.WithLabelValues(what).Observe(took.Seconds())
		m.learners.Observe(float64(learners))
	}
}

func (m *metrics) states(counts map[relay.EnrollmentState]int) {
	for _, state := range []relay.EnrollmentState{
		relay.EnrollmentWaiting, relay.EnrollmentEnrolled, relay.EnrollmentAllowed, relay.EnrollmentUnenrolled, relay.EnrollmentParked,
	} {
		m.rows.WithLabelValues(string(state)).Set(float64(counts[state]))
	}
}

func (m *metrics) condition(now string) {
	for _, condition := range []string{conditionReady, conditionDown, conditionPaused, conditionAbsent} {
		value := 0.0
		if condition == now {
			value = 1
		}
		m.conditions.WithLabelValues(condition).Set(value)
	}
}

func (m *metrics) budget(gate relay.Gate) { m.spent.Set(float64(gate.Spent)) }

func (m *metrics) published(n int) { m.events.Add(float64(n)) }
