package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/internal/telemetry/telemetrytest"
)

const theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func open(t *testing.T, url string, sample float64) *telemetry.Exporter {
	t.Helper()
	exporter, err := telemetry.Open(telemetry.Options{Endpoint: url, Sample: sample, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exporter.Close)
	return exporter
}

func TestSpansReachTheCollectorWithParentLinksAndStatus(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	exporter := open(t, collector.URL, 1)
	ctx, door := exporter.Tracer.Start(t.Context(), telemetry.Beginning{Kind: telemetry.Serving, Name: "door", Parent: theirs})
	_, call := exporter.Tracer.Start(ctx, telemetry.Beginning{Kind: telemetry.Calling, Name: "call", Links: []string{theirs, "nonsense", theirs}})
	call.Number(telemetry.Status, 503)
	call.Fail("503")
	call.End()
	door.End()
	exporter.Close()
	got := collector.Await(t, "call", func(s telemetrytest.Span) bool { return s.Name == "call" })
	outer := collector.Await(t, "door", func(s telemetrytest.Span) bool { return s.Name == "door" })
	if outer.Trace != telemetry.Trace(theirs) || outer.Parent != "b7ad6b7169203331" || outer.Kind != "server" || outer.Failed {
		t.Errorf("the door's span is %+v", outer)
	}
	if got.Parent != outer.ID || !got.Failed || len(got.Links) != 1 || got.Attributes["error.type"] != "503" {
		t.Errorf("the call's span is %+v", got)
	}
	if counts := exporter.Counts(); counts.Sent != 2 || counts.Dropped+counts.Failed != 0 {
		t.Errorf("counted %+v", counts)
	}
}

func TestTheSenderOfATraceDecidesWhetherItIsKept(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	none := open(t, collector.URL, 0)
	for _, parent := range []string{theirs, theirs[:53] + "00", ""} {
		_, span := none.Tracer.Start(t.Context(), telemetry.Beginning{Name: "with " + parent, Parent: parent})
		if !telemetry.Valid(span.Parent()) {
			t.Errorf("%q gives no traceparent to go on with", parent)
		}
		span.End()
	}
	none.Close()
	if spans, _ := collector.Spans(); len(spans) != 1 || spans[0].Name != "with "+theirs {
		t.Errorf("kept %+v", spans)
	}
}

func TestACollectorThatHangsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hanging.Close()
	defer close(release)
	exporter := open(t, hanging.URL, 1)
	const spans = 20_000
	longest := time.Duration(0)
	for range spans {
		began := time.Now()
		_, span := exporter.Tracer.Start(t.Context(), telemetry.Beginning{Name: "work"})
		span.End()
		longest = max(longest, time.Since(began))
	}
	if longest > 5*time.Second { // a call to the collector would take 10 s; a busy machine may take some of this
		t.Errorf("a span took %s", longest)
	}
	if dropped := exporter.Counts().Dropped; dropped < spans/2 {
		t.Errorf("%d of %d spans dropped: where are the others?", dropped, spans)
	}
	began := time.Now()
	exporter.Close()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the end took %s", took)
	}
	if counts := exporter.Counts(); counts.Sent+counts.Dropped+counts.Failed != spans {
		t.Errorf("%d spans became %+v", spans, counts)
	}
}

func TestWithoutACollectorNothingIsMadeOrAllocated(t *testing.T) {
	off, err := telemetry.Open(telemetry.Options{Sample: 1})
	if err != nil || off.Tracer != nil {
		t.Fatalf("%v %v", off, err)
	}
	defer off.Close()
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		same, span := off.Tracer.Start(ctx, telemetry.Beginning{Kind: telemetry.Serving, Name: "door", Parent: theirs})
		span.Text(telemetry.Source, "shop")
		span.Number(telemetry.Status, 200)
		span.Fail("503")
		span.End()
		if same != ctx || span.Parent() != "" || span.Within(ctx) != ctx {
			t.Error("a span without a tracer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOnlyATraceparentIsATraceparent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		theirs: true, "": false, "00": false, theirs + "-x": false, "01" + theirs[2:] + "-x": true, "ff" + theirs[2:]: false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01":           false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01":           false,
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01":           false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x":           false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-A: b": false,
	} {
		if got := telemetry.Valid(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestEndpointsAreAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"http://127.0.0.1:4318": true, "https://otel.example/in": true, "127.0.0.1:4318": false, "grpc://x": false, "http://u:p@x": false, "http://": false,
	} {
		if (telemetry.CheckEndpoint(text) == nil) != want {
			t.Errorf("%q", text)
		}
	}
}
