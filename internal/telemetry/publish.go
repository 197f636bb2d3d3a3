package telemetry

import (
	"context"
	"maps"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// Log makes messages durable and asks over plain subjects; *bus.Bus and bus.Distinct do.
type Log interface {
	Publish(ctx context.Context, m relay.Message) (relay.Receipt, error)
	PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error)
	Request(ctx context.Context, subject string, m relay.Message) (relay.Message, error)
}

// Traced gives a Log that spans what goes through it and puts the spans' traceparents on the messages. A nil Tracer gives
// the Log itself.
func Traced(log Log, t *Tracer) Log {
	if t == nil {
		return log
	}
	return traced{log, t}
}

type traced struct {
	log    Log
	tracer *Tracer
}

// Publish spans one message, within the span of ctx or else the message's own.
func (t traced) Publish(ctx context.Context, m relay.Message) (relay.Receipt, error) {
	parent := m.Header[Header]
	if Parent(ctx) != "" {
		parent = ""
	}
	ctx, span := t.send(ctx, &m, Beginning{Parent: parent})
	defer span.End()
	receipt, err := t.log.Publish(ctx, m)
	settled(span, receipt, err)
	return receipt, err
}

// PublishBatch spans each message in a trace of its own, for what one batch carries has nothing else in common; the span of
// ctx is linked.
func (t traced) PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error) {
	spans, sent := make([]*Span, len(messages)), make([]relay.Message, len(messages))
	for i, m := range messages {
		_, spans[i] = t.send(ctx, &m, Beginning{Parent: m.Header[Header], Root: true})
		spans[i].Number(BatchCount, len(messages))
		sent[i] = m
	}
	receipts, err := t.log.PublishBatch(ctx, sent)
	for i, span := range spans {
		var receipt relay.Receipt
		if err == nil {
			receipt = receipts[i]
		}
		settled(span, receipt, err)
		span.End()
	}
	return receipts, err
}

func (t traced) send(ctx context.Context, m *relay.Message, b Beginning) (context.Context, *Span) {
	stream := destination(m.Subject)
	b.Kind, b.Name = Sending, "publish "+stream
	ctx, span := t.tracer.Start(ctx, b)
	span.Text(System, NATS)
	span.Text(Operation, "send")
	span.Text(Destination, stream)
	span.Text(MessageID, m.ID)
	span.Text(EventType, m.Type)
	carry(m, span)
	return ctx, span
}

// Request spans a question and its answer.
func (t traced) Request(ctx context.Context, subject string, m relay.Message) (relay.Message, error) {
	ctx, span := t.tracer.Start(ctx, Beginning{Kind: Calling, Name: "ask filters"})
	defer span.End()
	span.Text(System, NATS)
	span.Text(Operation, "send")
	span.Text(Destination, subject)
	carry(&m, span)
	answer, err := t.log.Request(ctx, subject, m)
	if err != nil {
		span.Fail(string(relay.CodeOf(err)))
	}
	return answer, err
}

// carry puts the span on a message, whose headers may be somebody else's too.
func carry(m *relay.Message, span *Span) {
	header := make(map[string]string, len(m.Header)+1)
	maps.Copy(header, m.Header)
	header[Header] = span.Parent()
	m.Header = header
}

func settled(span *Span, receipt relay.Receipt, err error) {
	switch {
	case err != nil:
		span.Fail(string(relay.CodeOf(err)))
	case receipt.Duplicate:
		span.Text(Outcome, "duplicate")
	}
}

// destination is the stream of a subject in the log's own words, or the first token of any other.
func destination(subject string) string {
	for _, stream := range []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents} {
		if name, _, _ := strings.Cut(subject, "."); strings.EqualFold(name, stream) {
			return stream
		}
	}
	return "other"
}
