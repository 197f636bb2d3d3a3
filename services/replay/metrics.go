package replay

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
)

// metrics are what a worker counts.
type metrics struct {
	handed prometheus.Counter
	ended  *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		handed: prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_replay_handed_total",
			Help: "Webhooks, or deliveries, that replays handed out."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "edrelay_replay_ended_total",
			Help: "Replays that a worker ended: done, failed."}, []string{"state"}),
	}
	if registry != nil {
		registry.MustRegister(m.handed, m.ended)
	}
	m.ended.WithLabelValues(string(relay.ReplayDone))
	m.ended.WithLabelValues(string(relay.ReplayFailed))
	return m
}
