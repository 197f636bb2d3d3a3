package console

import (
	"context"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// EventDetail is one event with its message.
type EventDetail struct {
	relay.Event
	Message *relay.LogEntry `json:"message"`
}

func (s *Service) eventRoutes() []route {
	if s.opts.Ports.Log == nil {
		return nil
	}
	return []route{
		listRoute(s, route{
			path: "/events", role: relay.RoleViewer, tag: "events", summary: "The event log",
			query: []param{
				text("type", "Exact type, or a prefix ending in *."), text("source", "CloudEvents source."), text("id", "CloudEvents id."),
				moment("since", "Stored at or after."), moment("until", "Stored before."),
			},
		}, s.eventListing),
		{
			method: fiber.MethodGet, path: "/events/{sequence}", role: relay.RoleViewer, tag: "events", summary: "One event with its payload",
			about: "By sequence in the log, or by CloudEvents id.", answer: EventDetail{}, handle: func(c fiber.Ctx) error {
				key := c.Params("sequence")
				return answer(c, func(ctx context.Context) (EventDetail, error) { return s.eventDetail(ctx, key) })
			},
		},
	}
}

func (s *Service) eventListing(v values) listing[relay.Event] {
	q := relay.EventQuery{
		Type: v.text("type"), Source: v.text("source"), ID: v.text("id"), Since: v.time("since"), Until: v.time("until"),
	}
	return listing[relay.Event]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Event, error) {
			q := q
			q.Page = p
			return s.events(ctx, q)
		},
		mark: func(e relay.Event) relay.Mark { return relay.Mark{ID: strconv.FormatUint(e.Sequence, 10)} },
	}
}

func (s *Service) events(ctx context.Context, q relay.EventQuery) ([]relay.Event, error) {
	log := relay.LogQuery{
		Stream: relay.StreamEvents, Subjects: []string{eventPattern(q.Type)}, Limit: q.Limit, Since: q.Since, Until: q.Until, NoBody: true,
	}
	log.Before, _ = strconv.ParseUint(q.Before.ID, 10, 64)
	return scanLog(ctx, s.opts.Ports.Log, log, func(messages []relay.Received) ([]relay.Event, error) {
		var rows []relay.Event
		for _, m := range messages {
			if e := eventRow(m); matches(e, q) {
				rows = append(rows, e)
			}
		}
		return rows, nil
	})
}

// eventPattern gives the narrowest NATS pattern that holds all events of a type or prefix.
func eventPattern(eventType string) string {
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

func (s *Service) eventDetail(ctx context.Context, key string) (EventDetail, error) {
	sequence, err := strconv.ParseUint(key, 10, 64)
	if err != nil {
		found, err := s.events(ctx, relay.EventQuery{ID: key, Page: relay.Page{Limit: 1}})
		if err != nil {
			return EventDetail{}, err
		}
		if len(found) == 0 {
			return EventDetail{}, relay.ErrNotFound
		}
		sequence = found[0].Sequence
	}
	m, err := s.opts.Ports.Log.Message(ctx, relay.StreamEvents, sequence)
	if err != nil {
		return EventDetail{}, err
	}
	return EventDetail{Event: eventRow(m), Message: logEntry(m)}, nil
}

func eventRow(m relay.Received) relay.Event {
	return relay.Event{ID: m.ID, Type: m.Type, Source: m.Source, Time: m.Time, Sequence: m.Sequence, Subject: m.About}
}
