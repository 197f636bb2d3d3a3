// Package telemetrytest gives tests a collector that takes OTLP over HTTP and tells what it got.
package telemetrytest

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is what a test asks of a span.
type Span struct {
	Name, Kind        string   // kind in lower case, such as "server"
	Trace, ID, Parent string   // in hex
	Links             []string // ids of spans
	Attributes        map[string]string
	Failed            bool
	Took              time.Duration
}

// Collector keeps the spans that it is sent.
type Collector struct {
	URL   string
	mu    sync.Mutex
	spans []Span
	grown chan struct{}
}

// New starts a collector that ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{grown: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("the collector was sent %s %s", r.URL.Path, r.Header.Get("Content-Type"))
		}
		if err := c.take(r); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) take(r *http.Request) error {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var sent collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &sent); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans = append(c.spans, read(span))
			}
		}
	}
	close(c.grown)
	c.grown = make(chan struct{})
	return nil
}

func read(s *wire.Span) Span {
	read := Span{
		Name: s.Name, Kind: strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")), Trace: hex.EncodeToString(s.TraceId),
		ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId), Attributes: map[string]string{},
		Failed: s.Status.GetCode() == wire.Status_STATUS_CODE_ERROR, Took: time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano),
	}
	for _, link := range s.Links {
		read.Links = append(read.Links, hex.EncodeToString(link.SpanId))
	}
	for _, pair := range s.Attributes {
		value := pair.Value.GetStringValue()
		if value == "" {
			value = pair.Value.String()
		}
		read.Attributes[pair.Key] = value
	}
	return read
}

// Spans gives what came so far, and a channel that closes with more.
func (c *Collector) Spans() ([]Span, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...), c.grown
}

// Await gives the first span that fits, waiting for it for a minute.
func (c *Collector) Await(t testing.TB, what string, fits func(Span) bool) Span {
	t.Helper()
	for deadline := time.After(time.Minute); ; {
		spans, grown := c.Spans()
		for _, span := range spans {
			if fits(span) {
				return span
			}
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("no span: %s; there are %+v", what, spans)
		}
	}
}
