package alarm

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
)

type gauges struct {
	free   prometheus.Gauge
	bytes  *prometheus.GaugeVec
	raised *prometheus.GaugeVec
}

func newGauges(to prometheus.Registerer) gauges {
	g := gauges{
		free: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "edrelay_disk_free_bytes", Help: "What may still be written to the file system of the data dir."}),
		bytes: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "edrelay_stream_bytes", Help: "What a stream of the log holds."}, []string{"stream"}),
		raised: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "edrelay_alarm", Help: "1 while this alarm stands."}, []string{"alarm"}),
	}
	to.MustRegister(g.free, g.bytes, g.raised)
	return g
}

func (g gauges) set(r Reading, alarms []relay.Alarm) {
	if r.Size > 0 {
		g.free.Set(float64(r.Free))
	}
	for _, s := range r.Streams {
		g.bytes.WithLabelValues(s.Name).Set(float64(s.Bytes))
	}
	g.raised.Reset()
	for _, one := range alarms {
		g.raised.WithLabelValues(one.Name).Set(1)
	}
}
