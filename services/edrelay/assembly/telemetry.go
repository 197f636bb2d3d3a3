package assembly

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// openTelemetry begins to send traces where the configuration, or a standard variable, says to which collector.
func (g *Ground) openTelemetry() error {
	set := g.Config.Telemetry
	exporter, err := telemetry.Open(telemetry.Options{
		Endpoint: set.Endpoint, Sample: set.Sample, Version: g.Version, Log: g.Log.With("service", "telemetry"),
	})
	if err != nil {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: "Traces can't be sent.", Err: err,
			Hint: "Mend telemetry.endpoint or the OTEL_ variables; without both no traces are sent.",
		}
	}
	g.Tracer = exporter.Tracer
	g.onClose(exporter.Close)
	if exporter.Tracer != nil {
		g.Metrics.MustRegister(spans{exporter})
	}
	return nil
}

// log is the log of the services, traced where traces are wanted.
func (g *Ground) log() telemetry.Log { return telemetry.Traced(bus.Distinct{Bus: g.Bus}, g.Tracer) }

// plainLog is log for what never has two events under one id.
func (g *Ground) plainLog() telemetry.Log { return telemetry.Traced(g.Bus, g.Tracer) }

// spans counts what became of spans.
type spans struct{ exporter *telemetry.Exporter }

var spansTotal = prometheus.NewDesc("edrelay_telemetry_spans_total",
	"Spans by what became of them: sent, dropped because too many waited, failed because the collector did not take them.", []string{"outcome"}, nil)

// Describe is of prometheus.Collector.
func (s spans) Describe(out chan<- *prometheus.Desc) { out <- spansTotal }

// Collect is of prometheus.Collector.
func (s spans) Collect(out chan<- prometheus.Metric) {
	counts := s.exporter.Counts()
	for outcome, n := range map[string]uint64{"sent": counts.Sent, "dropped": counts.Dropped, "failed": counts.Failed} {
		out <- prometheus.MustNewConstMetric(spansTotal, prometheus.CounterValue, float64(n), outcome)
	}
}
