package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Kinds of spans.
const (
	Internal = trace.SpanKindInternal
	Serving  = trace.SpanKindServer
	Calling  = trace.SpanKindClient
	Sending  = trace.SpanKindProducer
	Reading  = trace.SpanKindConsumer
)

// Tracer begins spans. nil begins none.
type Tracer struct{ tracer trace.Tracer }

// New makes a Tracer whose spans go where the provider sends them.
func New(provider trace.TracerProvider) *Tracer {
	return &Tracer{provider.Tracer("github.com/edrelay/edrelay")}
}

// Beginning says what a span is. Its parent is Parent where that is a valid traceparent, else the span of the context, else
// it has none.
type Beginning struct {
	Kind   trace.SpanKind
	Name   string    // of few kinds: never an id
	Parent string    // W3C traceparent
	At     time.Time // zero: now
	Links  []string  // traceparents of spans that belong to it without being its parent; invalid ones are left out
	Root   bool      // the span of the context is no parent, but a link
}

// Start begins a span, to be ended, and gives a context that carries it. Of a nil Tracer both are as before: ctx and nil.
func (t *Tracer) Start(ctx context.Context, b Beginning) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, b)
}

func (t *Tracer) start(ctx context.Context, b Beginning) (context.Context, *Span) {
	options := make([]trace.SpanStartOption, 0, 4)
	options = append(options, trace.WithSpanKind(b.Kind))
	if !b.At.IsZero() {
		options = append(options, trace.WithTimestamp(b.At))
	}
	links := linksTo(b.Links)
	if around := trace.SpanContextFromContext(ctx); b.Root && around.IsValid() {
		links = append(links, trace.Link{SpanContext: around})
	}
	if len(links) > 0 {
		options = append(options, trace.WithLinks(links...))
	}
	from := ctx
	if parent := parse(b.Parent); parent.IsValid() {
		from = trace.ContextWithRemoteSpanContext(ctx, parent)
	} else if b.Root {
		options = append(options, trace.WithNewRoot())
	}
	ctx, made := t.tracer.Start(from, b.Name, options...)
	return ctx, &Span{made}
}

func linksTo(parents []string) []trace.Link {
	var links []trace.Link
	seen := map[trace.SpanID]bool{}
	for _, text := range parents {
		if to := parse(text); to.IsValid() && !seen[to.SpanID()] {
			seen[to.SpanID()] = true
			links = append(links, trace.Link{SpanContext: to})
		}
	}
	return links
}
