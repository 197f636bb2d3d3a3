package notifier

import (
	"context"
	"strconv"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// span begins the span of an attempt in the trace of its event; nil where no traces are wanted.
func (r *runner) span(t *try) *telemetry.Span {
	if r.n.tracer == nil {
		return nil
	}
	_, span := r.n.tracer.Start(context.Background(), telemetry.Beginning{
		Kind: telemetry.Calling, Name: "deliver to " + r.sub.Name, Parent: t.event.Header[telemetry.Header],
	})
	span.Text(telemetry.Subscription, r.sub.Name)
	span.Text(telemetry.Method, "POST")
	span.Text(telemetry.Server, r.target.url.Hostname())
	span.Text(telemetry.EventType, t.event.Type)
	span.Text(telemetry.MessageID, t.event.ID)
	span.Number(telemetry.Attempt, t.number)
	span.Text(telemetry.Replay, t.replay)
	return span
}

// answered ends the span of an attempt.
func answered(span *telemetry.Span, answer *egress.Answer, err error) {
	if span == nil {
		return
	}
	switch {
	case err != nil:
		span.Fail(string(egress.KindOf(err)))
	case answer.Status/100 != 2:
		span.Number(telemetry.Status, answer.Status)
		span.Fail(strconv.Itoa(answer.Status))
	default:
		span.Number(telemetry.Status, answer.Status)
	}
	span.End()
}
