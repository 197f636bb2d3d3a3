package desk

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/relay"
)

// message reads one message of the log with its payload; nil when the log keeps it no longer.
func (d *Desk) message(ctx context.Context, stream string, sequence uint64) (*relay.LogEntry, error) {
	if d.Ports.Log == nil || sequence == 0 {
		return nil, nil
	}
	m, err := d.Ports.Log.Message(ctx, stream, sequence)
	if relay.CodeOf(err) == relay.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return Entry(m), nil
}

// EventMessage reads the message of an event; nil when the log keeps it no longer, with the reason when it was erased.
func (d *Desk) EventMessage(ctx context.Context, sequence uint64) (entry *relay.LogEntry, erased string, err error) {
	entry, err = d.message(ctx, relay.StreamEvents, sequence)
	if entry == nil && err == nil {
		if why := d.erased(ctx, relay.StreamEvents, sequence); why != nil {
			erased = why.Error().Message
		}
	}
	return entry, erased, err
}

// gone makes the error of a message that is not on the log: one that was erased says so.
func (d *Desk) gone(ctx context.Context, stream string, sequence uint64, err error) error {
	if relay.CodeOf(err) != relay.CodeNotFound {
		return err
	}
	if erased := d.erased(ctx, stream, sequence); erased != nil {
		return erased.Error()
	}
	return err
}

// erased tells why a message is gone; nil when it was not erased.
func (d *Desk) erased(ctx context.Context, stream string, sequence uint64) *relay.ErasedMessage {
	if d.Ports.Erased == nil {
		return nil
	}
	found, err := d.Ports.Erased.ErasedMessage(ctx, stream, sequence)
	if err != nil {
		return nil // the word about it is lost, the message is gone all the same
	}
	return &found
}

// Entry shows a message with its payload, without what opens doors.
func Entry(m relay.Received) *relay.LogEntry {
	entry := &relay.LogEntry{
		Stream: m.Stream, Sequence: m.Sequence, Subject: m.Subject, ID: m.ID, Type: m.Type, Source: m.Source,
		Time: m.Time, StoredAt: m.Stored, ContentType: m.ContentType, Headers: map[string]string{},
		Body: string(m.Body), Encoding: "utf-8",
	}
	for name, value := range m.Header {
		if !secretHeader(name) {
			entry.Headers[name] = value
		}
	}
	if !utf8.Valid(m.Body) {
		entry.Body, entry.Encoding = base64.StdEncoding.EncodeToString(m.Body), "base64"
	}
	return entry
}

// secretHeader tells whether a header may hold what opens a door; a signature opens one only with its body, but the
// body stands beside it.
func secretHeader(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"authorization", "cookie", "signature", "hmac", "secret", "token", "password"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
