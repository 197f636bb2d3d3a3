package openedx

import (
	"errors"
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// BusEntry is an entry of the event bus on Redis Streams: its fields by name, as upstream's producer writes them.
type BusEntry struct {
	Type         string
	ID           string
	Source       string
	Time         string // ISO 8601; a naive time is taken for UTC
	MinorVersion string
	SourceHost   string
	SourceLib    string // release of openedx-events that wrote Data, "11.2.0"
	Data         []byte // one schemaless Avro record
}

// DecodeBus reads an entry of the event bus and gives the message for the log. The layout of the data is the one of
// the type in the release that sourcelib names; without a sourcelib the newest one that fits exactly is taken. An
// entry without a time gets fallback, one without an id the given id; both must be the same on every delivery of the
// entry. Errors are *BusError.
func (c *Catalogue) DecodeBus(entry BusEntry, fallbackID string, fallback time.Time) (relay.Message, error) {
	m, err := entry.metadata(fallbackID, fallback)
	if err != nil {
		return relay.Message{}, err
	}
	event := c.event(m.eventType)
	if event == nil {
		return relay.Message{}, &BusError{Reason: ReasonUnknown, Detail: "the catalogue doesn't know the type"}
	}
	layouts := event.layoutsFor(m.sourceLib)
	if len(layouts) == 0 {
		return relay.Message{}, &BusError{Reason: ReasonLayout, Detail: "no layout is known for the type in release " + m.sourceLib}
	}
	var first error
	for _, l := range layouts {
		body, err := decodeAvro(make([]byte, 0, 2*len(entry.Data)+64), entry.Data, l)
		if err == nil {
			return m.message(body), nil
		}
		if first == nil {
			first = err
		}
	}
	return relay.Message{}, first
}

func (e BusEntry) metadata(fallbackID string, fallback time.Time) (metadata, error) {
	if !relay.ValidEventType(e.Type) {
		return metadata{}, &BusError{Reason: ReasonType, Detail: "no event type"}
	}
	m := metadata{
		eventType: e.Type, id: e.ID, minorVersion: e.MinorVersion, source: e.Source, sourceHost: e.SourceHost,
		time: fallback, sourceLib: e.SourceLib,
	}
	if m.id == "" {
		m.id = fallbackID
	}
	if m.source == "" {
		m.source = unsetSource
	}
	if m.minorVersion == "" {
		m.minorVersion = "0"
	}
	if e.Time != "" {
		var ok bool
		if m.time, ok = parseTime(e.Time); !ok {
			return m, &BusError{Reason: ReasonMetadata, Detail: "the time is no time"}
		}
	}
	if err := m.check(); err != nil {
		return m, &BusError{Reason: ReasonMetadata, Detail: relay.PublicMessage(err)}
	}
	return m, nil
}

// EncodeBus gives the entry that upstream's producer would have written for an event on the log. It is for tests, the
// demo and benchmarks.
func (c *Catalogue) EncodeBus(m relay.Message) (BusEntry, error) {
	event := c.event(m.Type)
	if event == nil {
		return BusEntry{}, fmt.Errorf("encode %s for the bus: the catalogue doesn't know it", m.Type)
	}
	body, err := pyjson.DecodeObject(m.Body, pyjson.DecodeOptions{})
	if err != nil {
		return BusEntry{}, fmt.Errorf("encode %s for the bus: %w", m.Type, err)
	}
	layouts := event.layoutsFor(m.Header[relay.HeaderSourceLib])
	if len(layouts) == 0 {
		return BusEntry{}, fmt.Errorf("encode %s for the bus: %w", m.Type, errors.ErrUnsupported)
	}
	data, err := appendAvro(nil, body, layouts[0])
	if err != nil {
		return BusEntry{}, fmt.Errorf("encode %s for the bus: %w", m.Type, err)
	}
	return BusEntry{
		Type: m.Type, ID: m.ID, Source: m.Source, Time: isoTime(m.Time), MinorVersion: m.Header[relay.HeaderMinorVersion],
		SourceHost: m.Header[relay.HeaderSourceHost], SourceLib: m.Header[relay.HeaderSourceLib], Data: data,
	}, nil
}
