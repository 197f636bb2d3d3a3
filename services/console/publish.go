package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// PublishRequest is an event that an operator puts on the log.
type PublishRequest struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`     // made when left out; an event with the id of another is that one
	Source  string          `json:"source,omitempty"` // "/edrelay/operator" when left out
	Subject string          `json:"subject,omitempty"`
	Time    *time.Time      `json:"time,omitempty"` // now when left out
	Data    json.RawMessage `json:"data"`           // a JSON object
}

// Published is an event that is durable on the log.
type Published struct {
	relay.Event
	Duplicate bool `json:"duplicate"` // the log had it already
}

const (
	operatorSource = "/edrelay/operator"
	maxPublished   = 1 << 20
)

func (s *Service) publishRoutes() []route {
	if s.opts.Ports.Publish == nil {
		return nil
	}
	return []route{{
		method: fiber.MethodPost, path: "/events", role: relay.RoleOperator, tag: "events", summary: "Put an event on the log",
		about: "It is durable when this answers, and goes to every subscription that wants its type.", body: PublishRequest{}, answer: Published{},
		status: fiber.StatusCreated, handle: s.publishEvent,
	}}
}

func (s *Service) publishEvent(c fiber.Ctx) error {
	var ask PublishRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	m, err := s.eventOf(ask)
	if err != nil {
		return err
	}
	c.Status(fiber.StatusCreated)
	return answer(c, func(ctx context.Context) (Published, error) {
		receipt, err := s.opts.Ports.Publish.Publish(ctx, m)
		return Published{
			Event:     relay.Event{ID: m.ID, Type: m.Type, Source: m.Source, Time: m.Time, Sequence: receipt.Sequence, Subject: m.About},
			Duplicate: receipt.Duplicate,
		}, err
	})
}

func (s *Service) eventOf(ask PublishRequest) (relay.Message, error) {
	var object map[string]json.RawMessage
	switch {
	case !relay.ValidEventType(ask.Type):
		return relay.Message{}, relay.Errorf(relay.CodeInvalid, "type must be words joined by dots, such as org.example.thing.happened.v1")
	case len(ask.Data) > maxPublished:
		return relay.Message{}, relay.Errorf(relay.CodeTooLarge, "data has more than %d bytes", maxPublished)
	case json.Unmarshal(ask.Data, &object) != nil || object == nil:
		return relay.Message{}, relay.Errorf(relay.CodeInvalid, "data must be a JSON object")
	case len(ask.ID) > 255 || len(ask.Source) > 255 || len(ask.Subject) > 1024:
		return relay.Message{}, relay.Errorf(relay.CodeInvalid, "id, source or subject is too long")
	}
	m := relay.Message{
		Subject: relay.EventSubject(ask.Type), ID: ask.ID, Type: ask.Type, Source: ask.Source, About: ask.Subject, Time: s.opts.Now().UTC(),
		ContentType: fiber.MIMEApplicationJSON, Body: ask.Data,
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	if m.Source == "" {
		m.Source = operatorSource
	}
	if ask.Time != nil {
		m.Time = *ask.Time
	}
	m.DedupID = m.ID
	return m, nil
}
