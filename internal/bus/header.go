package bus

import (
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Header names of a CloudEvent in binary mode.
const (
	headerSpec    = "ce-specversion"
	headerID      = "ce-id"
	headerType    = "ce-type"
	headerSource  = "ce-source"
	headerTime    = "ce-time"
	headerSubject = "ce-subject"
	headerContent = "content-type"
	headerMsgID   = jetstream.MsgIDHeader
)

// encode makes the NATS message of m. Names that NATS itself gives a meaning are left out, so that no sender can
// command the server; ce-* values are percent-encoded as CloudEvents wants it.
func encode(m relay.Message) *nats.Msg {
	header := make(nats.Header, len(m.Header)+10)
	values := make([]string, 0, len(m.Header)+8) // one backing array for all values
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for name, value := range m.Header {
		switch {
		case !validName(name):
		case strings.HasPrefix(name, "ce-"):
			set(name, relay.EncodeAttribute(value))
		default:
			set(name, value)
		}
	}
	set(headerSpec, "1.0")
	set(headerID, relay.EncodeAttribute(m.ID))
	set(headerType, relay.EncodeAttribute(m.Type))
	set(headerSource, relay.EncodeAttribute(m.Source))
	if !m.Time.IsZero() {
		set(headerTime, m.Time.Format(time.RFC3339Nano))
	}
	if m.About != "" {
		set(headerSubject, relay.EncodeAttribute(m.About))
	}
	if m.ContentType != "" {
		set(headerContent, m.ContentType)
	}
	if m.DedupID != "" {
		set(headerMsgID, relay.EncodeAttribute(m.DedupID))
	}
	return &nats.Msg{Subject: m.Subject, Header: header, Data: m.Body}
}

// decode reads a NATS message back. Whatever stands there is taken: other programs may write to the log too.
func decode(subject string, header nats.Header, body []byte) relay.Message {
	m := relay.Message{Subject: subject, Body: body}
	for name, values := range header {
		if len(values) == 0 {
			continue
		}
		switch value := values[0]; name {
		case headerSpec, jetstream.ExpectedStreamHeader:
		case headerID:
			m.ID = relay.DecodeAttribute(value)
		case headerType:
			m.Type = relay.DecodeAttribute(value)
		case headerSource:
			m.Source = relay.DecodeAttribute(value)
		case headerTime:
			m.Time, _ = time.Parse(time.RFC3339Nano, value)
		case headerSubject:
			m.About = relay.DecodeAttribute(value)
		case headerContent:
			m.ContentType = value
		case headerMsgID:
			m.DedupID = relay.DecodeAttribute(value)
		default:
			keepHeader(&m, name, value)
		}
	}
	return m
}

func keepHeader(m *relay.Message, name, value string) {
	if strings.HasPrefix(name, "Nats-") {
		return
	}
	if m.Header == nil {
		m.Header = map[string]string{}
	}
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "ce-") {
		value = relay.DecodeAttribute(value)
	}
	m.Header[name] = value
}

// validName tells whether a further header may ride: a lower-case token that neither NATS nor the attributes own.
func validName(name string) bool {
	if name == "" || strings.HasPrefix(name, "nats-") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// headerSize bounds the bytes that the headers of m take on the wire.
func headerSize(m relay.Message) int {
	size := 256 + 3*(len(m.ID)+len(m.Type)+len(m.Source)+len(m.About)+len(m.DedupID)) + len(m.ContentType)
	for name, value := range maps.All(m.Header) {
		factor := 1
		if strings.HasPrefix(name, "ce-") {
			factor = 3
		}
		size += len(name) + factor*len(value) + 4
	}
	return size
}
