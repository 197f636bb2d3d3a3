package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Span is something that takes time. Methods of a nil Span do nothing.
type Span struct{ span trace.Span }

// Text notes a text; an empty one is left out.
func (s *Span) Text(key attribute.Key, value string) {
	if s != nil && value != "" && s.span.IsRecording() {
		s.span.SetAttributes(key.String(value))
	}
}

// Number notes a number.
func (s *Span) Number(key attribute.Key, value int) {
	if s != nil && s.span.IsRecording() {
		s.span.SetAttributes(key.Int(value))
	}
}

// Fail says that it went wrong. kind is of few kinds, such as a class of errors or a status.
func (s *Span) Fail(kind string) {
	if s != nil && s.span.IsRecording() {
		s.span.SetAttributes(ErrorType.String(kind))
		s.span.SetStatus(codes.Error, kind)
	}
}

// End ends it, now.
func (s *Span) End() {
	if s != nil {
		s.span.End()
	}
}

// Parent gives the W3C traceparent with which others go on from this span; "" of a nil Span.
func (s *Span) Parent() string {
	if s == nil {
		return ""
	}
	return format(s.span.SpanContext())
}

// Within gives ctx with the span in it.
func (s *Span) Within(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.span)
}

// Parent gives the traceparent of the context's span; "" where there is none.
func Parent(ctx context.Context) string {
	around := trace.SpanContextFromContext(ctx)
	if !around.IsValid() {
		return ""
	}
	return format(around)
}
