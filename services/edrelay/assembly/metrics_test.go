package assembly

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// described is a metric as its collector describes it, whether or not it has values yet.
type described struct{ kind, labels, help string }

// catalogue is a Registerer that writes down what is registered.
type catalogue struct {
	*prometheus.Registry
	found map[string]described
}

var descPattern = regexp.MustCompile(`fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)"(?:, unit: "[^"]*")?, constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

func (c *catalogue) note(collector prometheus.Collector) {
	descs := make(chan *prometheus.Desc, 100)
	go func() { collector.Describe(descs); close(descs) }()
	for desc := range descs {
		parts := descPattern.FindStringSubmatch(desc.String())
		if parts == nil {
			panic("can't read " + desc.String())
		}
		var labels []string
		for _, list := range []string{parts[3], parts[4]} {
			for label := range strings.SplitSeq(list, ",") {
				if label, _, _ = strings.Cut(label, "="); label != "" {
					labels = append(labels, label)
				}
			}
		}
		slices.Sort(labels)
		kind := kindOf(collector)
		if kind == "" && strings.HasSuffix(parts[1], "_total") {
			kind = "counter"
		}
		c.found[parts[1]] = described{kind: kind, labels: strings.Join(labels, ", "), help: parts[2]}
	}
}

// kindOf tells the kind of a collector of one metric; "" of others, whose names tell.
func kindOf(collector prometheus.Collector) string {
	switch collector.(type) {
	case *prometheus.GaugeVec, prometheus.Gauge:
		return "gauge"
	case *prometheus.CounterVec, prometheus.Counter:
		return "counter"
	case *prometheus.HistogramVec, prometheus.Histogram:
		return "histogram"
	}
	return ""
}

// Register notes and registers.
func (c *catalogue) Register(collector prometheus.Collector) error {
	c.note(collector)
	return c.Registry.Register(collector)
}

// MustRegister notes and registers.
func (c *catalogue) MustRegister(collectors ...prometheus.Collector) {
	for _, collector := range collectors {
		c.note(collector)
	}
	c.Registry.MustRegister(collectors...)
}

var documented = regexp.MustCompile("^\\| `(edrelay_[a-z0-9_]+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\| ([^|]+) \\| ([^|]+) \\|$")

func documentedMetrics(t *testing.T) map[string]described {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]described{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| `edrelay_") {
			continue
		}
		parts := documented.FindStringSubmatch(line)
		if parts == nil {
			t.Errorf("no name, type, labels, meaning and what to do: %s", line)
			continue
		}
		labels := strings.Split(strings.ReplaceAll(strings.TrimSpace(parts[3]), "`", ""), ", ")
		slices.Sort(labels)
		if _, twice := list[parts[1]]; twice {
			t.Errorf("%s stands twice", parts[1])
		}
		list[parts[1]] = described{kind: parts[2], labels: strings.Join(labels, ", ")}
	}
	return list
}

// The services themselves say which metrics there are; docs/metrics.md, and through it dashboards and alerts, must agree.
func TestTheDocumentedMetricsAreThoseThatExist(t *testing.T) {
	t.Parallel()
	w := newWhole(t, "telemetry: { endpoint: 'http://127.0.0.1:9' }\nbridge: { redis: { url: 'redis://127.0.0.1:9', topics: [x] } }\n")
	w.run()
	want := documentedMetrics(t)
	for name, found := range w.described {
		if !strings.HasPrefix(name, "edrelay_") {
			continue
		}
		doc, ok := want[name]
		switch {
		case !ok:
			t.Errorf("docs/metrics.md lacks | `%s` | %s | %s | %s | … |", name, found.kind, found.labels, found.help)
		case doc.labels != found.labels:
			t.Errorf("%s has the labels %q, docs/metrics.md says %q", name, found.labels, doc.labels)
		case found.kind != "" && doc.kind != found.kind:
			t.Errorf("%s is a %s, docs/metrics.md says %s", name, found.kind, doc.kind)
		}
		delete(want, name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		t.Errorf("docs/metrics.md names %s, which no service exports", name)
	}
	families, err := w.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	docs := documentedMetrics(t)
	seen := map[string]bool{}
	for _, family := range families {
		seen[family.GetName()] = true
		if doc, ok := docs[family.GetName()]; ok && doc.kind != strings.ToLower(family.GetType().String()) {
			t.Errorf("%s is exported as %s, docs/metrics.md says %s", family.GetName(), family.GetType(), doc.kind)
		}
	}
	for _, name := range []string{
		"edrelay_check_ok", "edrelay_log_backlog_messages", "edrelay_enroller_oldest_waiting_seconds", "edrelay_parked",
		"edrelay_ledger_connections", "edrelay_log_unsettled_messages", "edrelay_replay_replays", "edrelay_telemetry_spans_total", "edrelay_log_stream_limit_bytes",
	} {
		if !seen[name] {
			t.Errorf("%s has no value", name)
		}
	}
}
