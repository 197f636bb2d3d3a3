package filter

import (
	"context"
	"maps"
	"net/http"
	"strconv"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// beginSpan goes on with the trace of a question.
func (s *Service) beginSpan(ctx context.Context, class string, m relay.Message) (context.Context, *telemetry.Span) {
	ctx, span := s.opts.Tracer.Start(ctx, telemetry.Beginning{Kind: telemetry.Serving, Name: "answer filters", Parent: m.Header[telemetry.Header]})
	span.Text(telemetry.System, telemetry.NATS)
	span.Text(telemetry.Operation, "process")
	span.Text(telemetry.FilterClass, class)
	return ctx, span
}

// beginCall spans the call of a target and gives the headers to send.
func (s *Service) beginCall(ctx context.Context, t *target) (*telemetry.Span, http.Header) {
	if s.opts.Tracer == nil {
		return nil, t.header
	}
	_, span := s.opts.Tracer.Start(ctx, telemetry.Beginning{Kind: telemetry.Calling, Name: "ask filter " + t.Name})
	span.Text(telemetry.Filter, t.Name)
	span.Text(telemetry.Method, http.MethodPost)
	span.Text(telemetry.Server, t.url.Hostname())
	header := make(http.Header, len(t.header)+4)
	maps.Copy(header, t.header)
	header["Traceparent"] = []string{span.Parent()}
	return span, header
}

func endCall(span *telemetry.Span, got *egress.Answer, err error) {
	if got != nil {
		span.Number(telemetry.Status, got.Status)
	}
	switch {
	case err != nil:
		span.Fail(string(egress.KindOf(err)))
	case got.Status >= 400:
		span.Fail(strconv.Itoa(got.Status))
	}
	span.End()
}
