package console

import (
	"bufio"
	"context"
	"encoding/json"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
)

const (
	streamLook  = 200 * time.Millisecond // between looks for new events
	streamQuiet = 10 * time.Second       // an empty line is sent at least this often, so that both ends notice a death
)

func (s *Service) streamRoutes() []route {
	if s.opts.Ports.Log == nil {
		return nil
	}
	return []route{{
		method: fiber.MethodGet, path: "/events/stream", role: relay.RoleViewer, tag: "events", summary: "Follow the event log live",
		about: "One event with its payload a line, for as long as the connection stands; empty lines mean nothing.",
		query: []param{
			text("type", "Exact type, or a prefix ending in *."), {name: "from", about: "First sequence; without it what comes from now on.", kind: kindNumber},
		},
		answer: relay.LogEntry{}, media: "application/x-ndjson", handle: s.streamEvents,
	}}
}

func (s *Service) streamEvents(c fiber.Ctx) error {
	v := values{c: c, now: s.opts.Now()}
	eventType := v.text("type")
	last, err := s.opts.Ports.Log.LastSequence(c.Context(), relay.StreamEvents)
	if err != nil {
		return err
	}
	next := last + 1
	if from := v.number("from", 0); from > 0 {
		next = uint64(from)
	}
	c.Set(fiber.HeaderContentType, "application/x-ndjson")
	c.Set("X-Accel-Buffering", "no")
	return c.SendStreamWriter(func(w *bufio.Writer) { s.follow(w, eventType, next) })
}

// follow writes what comes until the reader goes or the console stops.
func (s *Service) follow(w *bufio.Writer, eventType string, next uint64) {
	tick := time.NewTicker(streamLook)
	defer tick.Stop()
	spoke := time.Time{}
	for {
		wrote, err := s.writeNew(w, eventType, &next)
		if err == nil && !wrote && time.Since(spoke) > streamQuiet {
			wrote = true
			err = w.WriteByte('\n')
		}
		if err == nil && wrote {
			spoke = time.Now()
			err = w.Flush()
		}
		if err != nil {
			return
		}
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
	}
}

func (s *Service) writeNew(w *bufio.Writer, eventType string, next *uint64) (wrote bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	last, err := s.opts.Ports.Log.LastSequence(ctx, relay.StreamEvents)
	if err != nil || last < *next {
		return false, err
	}
	encoder := json.NewEncoder(w)
	walk := relay.LogWalk{Stream: relay.StreamEvents, Subjects: []string{desk.EventPattern(eventType)}, From: *next, To: last}
	err = s.opts.Ports.Log.Walk(ctx, walk, func(m relay.Received) (bool, error) {
		if !desk.Matches(m, eventType) {
			return true, nil
		}
		wrote = true
		return true, encoder.Encode(desk.Entry(m))
	})
	*next = last + 1
	return wrote, err
}
