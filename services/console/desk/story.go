package desk

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Moment is one thing that happened in a story.
type Moment struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`  // webhook, enrollment, attempt, event
	State string    `json:"state"` // good, wait, bad or ""
	What  string    `json:"what"`
	More  string    `json:"more,omitempty"`
	Path  string    `json:"path"` // of the console's page
}

// Story is everything found for what somebody asked: an order's number or name, a learner's address, a course, the id
// of a webhook or of an event. Moments are oldest first.
type Story struct {
	Asked       string             `json:"asked"`
	Verdict     string             `json:"verdict"`
	Webhooks    []relay.Webhook    `json:"webhooks"`
	Enrollments []relay.Enrollment `json:"enrollments"`
	Events      []relay.Event      `json:"events"`
	Deliveries  []relay.Delivery   `json:"deliveries"`
	Moments     []Moment           `json:"moments"`
}

const (
	storyRows   = 100  // rows of one kind
	storyBodies = 2000 // bodies of the log that are searched
)

// Story finds out what happened to something.
func (d *Desk) Story(ctx context.Context, asked string) (*Story, error) {
	asked = strings.TrimSpace(asked)
	s := &Story{Asked: asked, Webhooks: []relay.Webhook{}, Enrollments: []relay.Enrollment{}, Events: []relay.Event{}, Deliveries: []relay.Delivery{}, Moments: []Moment{}}
	if asked == "" {
		return nil, relay.Errorf(relay.CodeInvalid, "say what to look for: an order, a learner, a course, a webhook or an event")
	}
	for _, find := range []func(context.Context, *Story) error{
		d.findOrders, d.findEnrollments, d.findOnLog, d.findEvents, d.tellAttempts, d.tellHindrance,
	} {
		if err := find(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, w := range s.Webhooks {
		s.tell(webhookMoment(w))
	}
	for _, e := range s.Enrollments {
		s.tell(enrollmentMoment(e))
	}
	for _, e := range s.Events {
		s.tell(Moment{At: e.Time, Kind: "event", What: "Event " + e.Type, More: e.Source, Path: "/events/" + strconv.FormatUint(e.Sequence, 10)})
	}
	for _, one := range s.Deliveries {
		s.tell(deliveryMoment(one))
	}
	slices.SortStableFunc(s.Moments, func(a, b Moment) int { return a.At.Compare(b.At) })
	s.Verdict = verdict(s)
	return s, nil
}

func (s *Story) tell(m Moment) { s.Moments = append(s.Moments, m) }

// findOrders finds webhooks by their order or their own id.
func (d *Desk) findOrders(ctx context.Context, s *Story) error {
	keys := []string{s.Asked, "#" + s.Asked, strings.TrimPrefix(s.Asked, "#")}
	for _, key := range slices.Compact(keys) {
		rows, err := d.Ports.Webhooks.Webhooks(ctx, relay.WebhookQuery{Order: key, Page: relay.Page{Limit: storyRows}})
		if err != nil {
			return err
		}
		s.addWebhooks(rows)
	}
	one, err := d.webhook(ctx, s.Asked)
	if err == nil {
		s.addWebhooks([]relay.Webhook{one})
	} else if relay.CodeOf(err) != relay.CodeNotFound {
		return err
	}
	return nil
}

func (s *Story) addWebhooks(rows []relay.Webhook) {
	for _, w := range rows {
		if !slices.ContainsFunc(s.Webhooks, func(known relay.Webhook) bool { return known.ID == w.ID && known.Sequence == w.Sequence }) {
			s.Webhooks = append(s.Webhooks, w)
		}
	}
}

// findEnrollments finds enrolments by the orders of the webhooks found, by learner and by course.
func (d *Desk) findEnrollments(ctx context.Context, s *Story) error {
	queries := []relay.EnrollmentQuery{{Order: strings.TrimPrefix(s.Asked, "#")}, {WebhookID: s.Asked}}
	if strings.Contains(s.Asked, "@") {
		queries = append(queries, relay.EnrollmentQuery{Learner: s.Asked})
	}
	if strings.Contains(s.Asked, "+") || strings.Contains(s.Asked, "/") {
		queries = append(queries, relay.EnrollmentQuery{Course: s.Asked})
	}
	for _, w := range s.Webhooks {
		if q := (relay.EnrollmentQuery{Source: w.Source, Order: w.Order}); w.Order != "" && !slices.Contains(queries, q) {
			queries = append(queries, q)
		}
	}
	for _, q := range queries {
		q.Limit = storyRows
		rows, err := d.Ports.Enrollments.Enrollments(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range rows {
			if !slices.ContainsFunc(s.Enrollments, func(known relay.Enrollment) bool { return known.ID == e.ID }) {
				s.Enrollments = append(s.Enrollments, e)
			}
		}
	}
	slices.SortFunc(s.Enrollments, func(a, b relay.Enrollment) int { return cmp.Compare(b.ID, a.ID) })
	return d.findWebhooksOf(ctx, s)
}

// findWebhooksOf completes the story of a learner with the webhooks that asked for the enrolments.
func (d *Desk) findWebhooksOf(ctx context.Context, s *Story) error {
	for _, e := range s.Enrollments {
		if e.WebhookID == "" || slices.ContainsFunc(s.Webhooks, func(w relay.Webhook) bool { return w.ID == e.WebhookID }) {
			continue
		}
		w, err := d.Ports.Webhooks.Webhook(ctx, e.WebhookID)
		if relay.CodeOf(err) == relay.CodeNotFound {
			continue
		}
		if err != nil {
			return err
		}
		s.addWebhooks([]relay.Webhook{w})
	}
	return nil
}

// findOnLog looks into the newest bodies that no ledger knows: rejected webhooks, and accepted ones not yet worked.
func (d *Desk) findOnLog(ctx context.Context, s *Story) error {
	if d.Ports.Log == nil {
		return nil
	}
	for stream, row := range map[string]func(relay.Received) relay.Webhook{relay.StreamRejected: rejectedRow, relay.StreamWebhooks: acceptedRow} {
		messages, err := d.Ports.Log.Newest(ctx, relay.LogQuery{Stream: stream, Limit: storyBodies})
		if err != nil {
			return err
		}
		var hits []relay.Webhook
		var sequences []uint64
		for _, m := range messages {
			if holds(m.Body, s.Asked) && len(hits) < storyRows {
				hits, sequences = append(hits, row(m)), append(sequences, m.Sequence)
			}
		}
		if stream == relay.StreamWebhooks {
			known, err := d.Ports.Webhooks.KnownWebhooks(ctx, sequences)
			if err != nil {
				return err
			}
			hits = slices.DeleteFunc(hits, func(w relay.Webhook) bool { return known[w.Sequence] })
		}
		s.addWebhooks(hits)
	}
	return nil
}

// holds tells whether a body has the term as a word of its own: 1001 is not in 21001.
func holds(body []byte, term string) bool {
	term = strings.TrimPrefix(term, "#")
	for rest := body; ; {
		at := bytes.Index(rest, []byte(term))
		if at < 0 || term == "" {
			return false
		}
		end := at + len(term)
		if (at == 0 || !wordByte(rest[at-1])) && (end == len(rest) || !wordByte(rest[end])) {
			return true
		}
		rest = rest[at+1:]
	}
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// findEvents finds an event by its id, with what became of it: by its deliveries, which the ledger finds at once, or else
// on the log, which has to be read through.
func (d *Desk) findEvents(ctx context.Context, s *Story) error {
	if d.Ports.Log == nil || len(s.Webhooks)+len(s.Enrollments) > 0 || !mayBeEvent(s.Asked) {
		return nil
	}
	if d.Ports.Deliveries != nil {
		rows, err := d.Ports.Deliveries.Deliveries(ctx, relay.DeliveryQuery{EventID: s.Asked, Page: relay.Page{Limit: storyRows}})
		if err != nil {
			return err
		}
		s.Deliveries = append(s.Deliveries, rows...)
	}
	if len(s.Deliveries) == 0 {
		rows, err := d.Events(ctx, relay.EventQuery{ID: s.Asked, Page: relay.Page{Limit: storyRows}})
		s.Events = append(s.Events, rows...)
		return err
	}
	m, err := d.Ports.Log.Message(ctx, relay.StreamEvents, s.Deliveries[0].Sequence)
	if err == nil && m.ID == s.Asked {
		s.Events = append(s.Events, eventRow(m))
	}
	if relay.CodeOf(err) == relay.CodeNotFound { // no longer kept
		return nil
	}
	return err
}

// mayBeEvent tells whether a term could be the id of an event; numbers alone are orders.
func mayBeEvent(term string) bool {
	return !strings.ContainsAny(term, "@ ") && strings.ContainsFunc(term, func(r rune) bool { return (r < '0' || r > '9') && r != '#' })
}
