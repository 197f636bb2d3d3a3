package enroller

import (
	"context"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// beginSpan goes on with the trace of a webhook.
func (s *Service) beginSpan(r *reading) {
	parent := r.message.Header[telemetry.Header]
	_, r.span = s.Tracer.Start(context.Background(), telemetry.Beginning{Kind: telemetry.Reading, Name: "process WEBHOOKS", Parent: parent})
	if r.span == nil {
		if telemetry.Valid(parent) {
			r.trace = parent
		}
		return
	}
	r.trace = r.span.Parent()
	r.span.Text(telemetry.System, telemetry.NATS)
	r.span.Text(telemetry.Operation, "process")
	r.span.Text(telemetry.Destination, relay.StreamWebhooks)
	r.span.Text(telemetry.MessageID, r.webhook.ID)
	r.span.Text(telemetry.Source, r.webhook.Source)
	r.span.Text(telemetry.Topic, r.webhook.Topic)
}

func endSpans(batch []reading) {
	for _, r := range batch {
		r.span.End()
	}
}

// noteStates puts what became of webhooks on their spans.
func noteStates(batch []reading, webhooks []relay.Webhook) {
	for i, r := range batch {
		r.span.Text(telemetry.Outcome, string(webhooks[i].State))
		if webhooks[i].State == relay.WebhookParked {
			r.span.Fail("parked")
		}
	}
}

// follow has the rows that wait now be worked in the trace of what last changed their order.
func follow(record *relay.OrderRecord, trace string) {
	for _, row := range record.Rows {
		if row.State == relay.EnrollmentWaiting && !row.InFlight || row.Trace == "" {
			row.Trace = trace
		}
	}
}

// enroll makes a bulk call within a span. One call serves many orders: it stands in the trace of the first that is kept,
// and links to all of them; in the others' traces a span of theirs links to it.
func (s *Service) enroll(ctx context.Context, bulk lms.Bulk, rows []*relay.Work) lms.Verdict {
	if s.Tracer == nil {
		return s.LMS.Enroll(ctx, bulk)
	}
	orders := tracesOf(rows)
	parent, begun := telemetry.Sampled(orders), time.Now()
	ctx, span := s.Tracer.Start(ctx, telemetry.Beginning{Kind: telemetry.Calling, Name: "LMS bulk_enroll", Parent: parent, Links: orders})
	span.Text(telemetry.Method, "POST")
	describe(span, bulk)
	verdict := s.LMS.Enroll(ctx, bulk)
	judge(span, verdict)
	for _, order := range orders {
		if order == parent {
			continue
		}
		_, beside := s.Tracer.Start(ctx, telemetry.Beginning{Name: "served by LMS bulk_enroll", Parent: order, At: begun, Links: []string{span.Parent()}})
		describe(beside, bulk)
		judge(beside, verdict)
		beside.End()
	}
	span.End()
	return verdict
}

func describe(span *telemetry.Span, bulk lms.Bulk) {
	action := relay.ActionUnenroll
	if bulk.Enroll {
		action = relay.ActionEnroll
	}
	span.Text(telemetry.Action, string(action))
	span.Text(telemetry.Course, bulk.Course)
	span.Number(telemetry.Learners, len(bulk.Learners))
}

func judge(span *telemetry.Span, verdict lms.Verdict) {
	if verdict.Status != 0 {
		span.Number(telemetry.Status, verdict.Status)
	}
	span.Text(telemetry.Outcome, string(verdict.Kind))
	switch {
	case verdict.Kind == lms.Answered:
	case verdict.Status >= 400:
		span.Fail(strconv.Itoa(verdict.Status))
	default:
		span.Fail(string(verdict.Kind))
	}
}

// tracesOf gives the traceparent of each order of the rows once.
func tracesOf(rows []*relay.Work) []string {
	var list []string
	seen := map[string]bool{}
	for _, row := range rows {
		if row.Trace != "" && !seen[row.Trace] {
			seen[row.Trace] = true
			list = append(list, row.Trace)
		}
	}
	return list
}
