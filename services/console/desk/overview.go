package desk

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// What the overview looks back on.
const (
	overviewSpan = 24 * time.Hour
	overviewStep = 30 * time.Minute
	maxRejected  = 2000 // rejected webhooks that are counted at most
	maxUnread    = 1000
)

// Need is something that a person should look at.
type Need struct {
	Bad  bool   `json:"bad"` // false: it may pass by itself
	Text string `json:"text"`
	Hint string `json:"hint"` // what to do
	Path string `json:"path"` // of the console's page
}

// Overview is how edrelay fares at a glance.
type Overview struct {
	Since       time.Time      `json:"since"`
	Step        time.Duration  `json:"step"` // nanoseconds
	Webhooks    []relay.Slot   `json:"webhooks"`
	Enrollments []relay.Slot   `json:"enrollments"`
	Deliveries  []relay.Slot   `json:"deliveries"` // attempts by what they led to
	Latency     []relay.Slot   `json:"latency"`    // milliseconds from the log to the subscriber, first attempts: p50, p99
	LMS         []relay.Slot   `json:"lms"`        // answers for single enrolments: ok, failed
	Backlog     []relay.Slot   `json:"backlog"`    // the most that waited
	Received    int            `json:"received"`   // webhooks of the span, rejected ones not counted
	Rejected    int            `json:"rejected"`
	Unread      int            `json:"unread"` // accepted and not yet worked
	States      map[string]int `json:"states"` // of all enrolments
	Needs       []Need         `json:"needs"`
}

// Overview looks at the last day.
func (d *Desk) Overview(ctx context.Context, now time.Time) (*Overview, error) {
	o := &Overview{Since: now.Add(-overviewSpan).Truncate(overviewStep), Step: overviewStep, Needs: []Need{}}
	for _, part := range []func(context.Context, *Overview, time.Time) error{d.countFlow, d.countOut, d.countLog, d.findNeeds} {
		if err := part(ctx, o, now); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (d *Desk) countFlow(ctx context.Context, o *Overview, _ time.Time) (err error) {
	if o.Webhooks, err = d.Ports.Figures.WebhookFlow(ctx, o.Since, o.Step); err != nil {
		return err
	}
	for _, slot := range o.Webhooks {
		for _, n := range slot.Counts {
			o.Received += n
		}
	}
	if o.Enrollments, err = d.Ports.Figures.EnrollmentFlow(ctx, o.Since, o.Step); err != nil {
		return err
	}
	states, err := d.Ports.Figures.CountEnrollments(ctx)
	o.States = make(map[string]int, len(states))
	for state, n := range states {
		o.States[string(state)] = n
	}
	return err
}

// countOut adds what went out, how quickly, and how much waited.
func (d *Desk) countOut(ctx context.Context, o *Overview, _ time.Time) error {
	var times []relay.Slot
	for kind, into := range map[string]*[]relay.Slot{
		relay.FlowDeliveries: &o.Deliveries, relay.FlowLMS: &o.LMS, relay.FlowBacklog: &o.Backlog, relay.FlowDeliveryMS: &times,
	} {
		slots, err := d.Ports.Figures.Flow(ctx, kind, o.Since, o.Step)
		if err != nil {
			return err
		}
		*into = append([]relay.Slot{}, slots...)
	}
	o.Latency = make([]relay.Slot, len(times))
	for i, slot := range times {
		o.Latency[i] = relay.Slot{At: slot.At, Counts: map[string]int{"p50": quantile(slot.Counts, .5), "p99": quantile(slot.Counts, .99)}}
	}
	return nil
}

// quantile reads a histogram: counts by their upper bounds. It gives the bound below which that part of them is.
func quantile(counts map[string]int, part float64) int {
	bounds := make([]int, 0, len(counts))
	total := 0
	for bucket, n := range counts {
		bound, _ := strconv.Atoi(bucket) // the ledger's own
		bounds, total = append(bounds, bound), total+n
	}
	slices.Sort(bounds)
	seen := 0
	for _, bound := range bounds {
		if seen += counts[strconv.Itoa(bound)]; float64(seen) >= part*float64(total) {
			return bound
		}
	}
	return 0
}

// countLog adds what stands only on the log: rejected webhooks and those not yet worked.
func (d *Desk) countLog(ctx context.Context, o *Overview, _ time.Time) error {
	if d.Ports.Log == nil {
		return nil
	}
	for _, part := range []struct {
		read  func(context.Context, relay.WebhookQuery) ([]relay.Webhook, error)
		limit int
		total *int
	}{{d.rejectedWebhooks, maxRejected, &o.Rejected}, {d.unreadWebhooks, maxUnread, &o.Unread}} {
		rows, err := part.read(ctx, relay.WebhookQuery{Since: o.Since, Page: relay.Page{Limit: part.limit}})
		if err != nil {
			return err
		}
		*part.total = len(rows)
		for _, w := range rows {
			o.count(w)
		}
	}
	o.Received += o.Unread
	return nil
}

// count adds a webhook to its slot; slots are few, and rows come newest first.
func (o *Overview) count(w relay.Webhook) {
	at := w.ReceivedAt.UTC().Truncate(o.Step)
	for i := len(o.Webhooks) - 1; i >= 0; i-- {
		if o.Webhooks[i].At.Equal(at) {
			o.Webhooks[i].Counts[string(w.State)]++
			return
		}
	}
	o.Webhooks = append(o.Webhooks, relay.Slot{At: at, Counts: map[string]int{string(w.State): 1}})
}
