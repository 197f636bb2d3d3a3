package desk

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// EventDetail is one event with its message and what became of it for subscriptions.
type EventDetail struct {
	relay.Event
	Deliveries []relay.Delivery `json:"deliveries"`
	Message    *relay.LogEntry  `json:"message"`
}

// Events lists the event log.
func (d *Desk) Events(ctx context.Context, q relay.EventQuery) ([]relay.Event, error) {
	log := relay.LogQuery{
		Stream: relay.StreamEvents, Subjects: []string{EventPattern(q.Type)}, Limit: q.Limit, Since: q.Since, Until: q.Until, NoBody: true,
	}
	log.Before, _ = strconv.ParseUint(q.Before.ID, 10, 64)
	return scanLog(ctx, d.Ports.Log, log, func(messages []relay.Received) ([]relay.Event, error) {
		var rows []relay.Event
		for _, m := range messages {
			if e := eventRow(m); matches(e, q) {
				rows = append(rows, e)
			}
		}
		return rows, nil
	})
}

// EventPattern gives the narrowest NATS pattern that holds all events of a type or prefix.
func EventPattern(eventType string) string {
	prefix, wild := strings.CutSuffix(eventType, "*")
	if !wild && relay.ValidEventType(eventType) {
		return relay.EventSubject(eventType)
	}
	if dot := strings.LastIndexByte(prefix, '.'); wild && dot > 0 && relay.ValidEventType(prefix[:dot]) {
		return relay.EventSubject(prefix[:dot]) + ".>"
	}
	return "events.>"
}

func matches(e relay.Event, q relay.EventQuery) bool {
	if prefix, wild := strings.CutSuffix(q.Type, "*"); wild {
		if !strings.HasPrefix(e.Type, prefix) {
			return false
		}
	} else if q.Type != "" && e.Type != q.Type {
		return false
	}
	return (q.Source == "" || e.Source == q.Source) && (q.ID == "" || e.ID == q.ID)
}

// Event gives one event by its sequence or by its CloudEvents id.
func (d *Desk) Event(ctx context.Context, key string) (EventDetail, error) {
	sequence, err := strconv.ParseUint(key, 10, 64)
	if err != nil {
		found, err := d.Events(ctx, relay.EventQuery{ID: key, Page: relay.Page{Limit: 1}})
		if err != nil {
			return EventDetail{}, err
		}
		if len(found) == 0 {
			return EventDetail{}, relay.ErrNotFound
		}
		sequence = found[0].Sequence
	}
	m, err := d.Ports.Log.Message(ctx, relay.StreamEvents, sequence)
	if err != nil {
		return EventDetail{}, d.gone(ctx, relay.StreamEvents, sequence, err)
	}
	detail := EventDetail{Event: eventRow(m), Message: Entry(m), Deliveries: []relay.Delivery{}}
	if d.Ports.Deliveries == nil {
		return detail, nil
	}
	// The time is the narrow end: the ledger keeps deliveries by it.
	since := m.Stored.Truncate(time.Microsecond)
	query := relay.DeliveryQuery{EventID: m.ID, Since: since, Until: since.Add(time.Microsecond), Page: relay.Page{Limit: PageSize}}
	rows, err := d.Ports.Deliveries.Deliveries(ctx, query)
	detail.Deliveries = append(detail.Deliveries, rows...)
	return detail, err
}

func eventRow(m relay.Received) relay.Event {
	return relay.Event{ID: m.ID, Type: m.Type, Source: m.Source, Time: m.Time, Sequence: m.Sequence, Subject: m.About}
}

// Matches tells whether a message is an event of a type, or of a prefix ending in "*"; "" is every type.
func Matches(m relay.Received, eventType string) bool {
	return matches(eventRow(m), relay.EventQuery{Type: eventType})
}
