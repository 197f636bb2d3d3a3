package openedx

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// StreamEntry is an entry of a Redis stream as Redis gave it.
type StreamEntry struct {
	Stream string
	ID     string      // Redis's own, "1795293457646-0"
	Fields [][2]string // names and values in order, any bytes
}

// ParkSource is the source under which entries that could not be read stand in REJECTED.
const ParkSource = "bridge"

// Headers of a parked entry. Its body is the entry's event_data; headerFields holds all other fields, in order, as
// base64 pairs "name:value" joined by commas, with "*" for the value that is the body.
const (
	headerEntry  = "edrelay-entry"
	headerFields = "edrelay-entry-fields"
	maxFields    = 32 << 10 // beyond, the pairs are the body and headerFields is fieldsInBody
	fieldsInBody = "body"
	typeRejected = "io.edrelay.webhook.rejected.v1"
)

// DecodeEntry reads an entry of the event bus; see DecodeBus. What the entry does not say comes from its Redis id, so
// it is the same on every delivery.
func (c *Catalogue) DecodeEntry(e StreamEntry) (relay.Message, error) {
	var b BusEntry
	for _, field := range e.Fields {
		switch value := field[1]; field[0] {
		case "type":
			b.Type = value
		case "id":
			b.ID = value
		case "source":
			b.Source = value
		case "time":
			b.Time = value
		case "minorversion":
			b.MinorVersion = value
		case "sourcehost":
			b.SourceHost = value
		case "sourcelib":
			b.SourceLib = value
		case "event_data":
			b.Data = []byte(value)
		}
	}
	fallbackID := ""
	if b.ID == "" {
		fallbackID = e.fingerprint()
	}
	return c.DecodeBus(b, fallbackID, e.time())
}

// time is when Redis took the entry.
func (e StreamEntry) time() time.Time {
	ms, _, _ := strings.Cut(e.ID, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n < 0 || n > 1<<45 {
		return time.Unix(0, 0).UTC()
	}
	return time.UnixMilli(n).UTC()
}

// fingerprint is an id in the shape of a UUID, made of stream and entry id.
func (e StreamEntry) fingerprint() string {
	sum := sha256.Sum256([]byte(e.Stream + "\x00" + e.ID))
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-8" + text[13:16] + "-8" + text[17:20] + "-" + text[20:]
}

// Park gives the message that keeps an entry which could not be read, byte for byte, under "rejected.bridge.<reason>".
func (e StreamEntry) Park(reason Reason) relay.Message {
	id := e.fingerprint()
	m := relay.Message{
		Subject: relay.RejectedSubject(ParkSource, string(reason)), ID: id, Type: typeRejected, Source: "/sources/" + ParkSource,
		Time: e.time(), ContentType: "application/avro", DedupID: "bridge-" + id,
		Header: map[string]string{
			relay.HeaderSource: ParkSource, relay.HeaderKind: ParkSource, relay.HeaderTopic: e.Stream, relay.HeaderReason: string(reason),
			headerEntry: e.ID,
		},
	}
	pairs, data := e.pairs(true)
	if len(pairs) > maxFields {
		pairs, _ = e.pairs(false)
		m.Header[headerFields], m.Body, m.ContentType = fieldsInBody, []byte(pairs), "text/plain"
		return m
	}
	m.Header[headerFields], m.Body = pairs, []byte(data)
	return m
}

// pairs writes the fields as text, apart from the last event_data when split is set.
func (e StreamEntry) pairs(split bool) (text, data string) {
	last := -1
	for i, field := range e.Fields {
		if split && field[0] == "event_data" {
			last, data = i, field[1]
		}
	}
	var b strings.Builder
	for i, field := range e.Fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(base64.RawURLEncoding.EncodeToString([]byte(field[0])) + ":")
		if i == last {
			b.WriteByte('*')
		} else {
			b.WriteString(base64.RawURLEncoding.EncodeToString([]byte(field[1])))
		}
	}
	return b.String(), data
}

// Parked tells whether a rejected message is an entry of the event bus.
func Parked(m relay.Message) bool { return m.Header[headerEntry] != "" }

// ParkedEntry gives the entry back that Park kept.
func ParkedEntry(m relay.Message) (StreamEntry, error) {
	if !Parked(m) {
		return StreamEntry{}, errors.New("the message is no entry of the event bus")
	}
	e := StreamEntry{Stream: m.Header[relay.HeaderTopic], ID: m.Header[headerEntry]}
	text, data := m.Header[headerFields], string(m.Body)
	if text == fieldsInBody {
		text = data
	}
	for pair := range strings.SplitSeq(text, ",") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, ":")
		rawName, err1 := base64.RawURLEncoding.DecodeString(name)
		rawValue, err2 := []byte(data), error(nil)
		if value != "*" {
			rawValue, err2 = base64.RawURLEncoding.DecodeString(value)
		}
		if err := errors.Join(err1, err2); err != nil {
			return StreamEntry{}, fmt.Errorf("read the fields of a parked entry: %w", err)
		}
		e.Fields = append(e.Fields, [2]string{string(rawName), string(rawValue)})
	}
	return e, nil
}

// Unpark tries a parked entry again, with what the catalogue knows now, and gives the message for the log. Its error
// is a *BusError when the entry still can't be read.
func (c *Catalogue) Unpark(m relay.Message) (relay.Message, error) {
	if m.Header[relay.HeaderReason] == string(ReasonTrimmed) {
		return relay.Message{}, &BusError{Reason: ReasonTrimmed, Detail: "Redis has dropped these entries; there is nothing to read again"}
	}
	entry, err := ParkedEntry(m)
	if err != nil {
		return relay.Message{}, err
	}
	return c.DecodeEntry(entry)
}
