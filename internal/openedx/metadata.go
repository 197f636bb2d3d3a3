package openedx

import (
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// metadataKey is the top-level key of the metadata in what the plugin posts.
const metadataKey = "event_metadata"

// unsetSource is what openedx-events says of a service without a name.
const unsetSource = "openedx/SERVICE_NAME_UNSET/web"

// metadata is the EventsMetadata of openedx-events.
type metadata struct {
	eventType    string
	id           string
	minorVersion string // decimal text
	source       string
	sourceHost   string
	time         time.Time
	sourceLib    string // dotted
}

// metadataOf reads event_metadata. now stands in for a missing time.
func metadataOf(o *pyjson.Object, now time.Time) (metadata, error) {
	m := metadata{
		eventType: memberText(o, "event_type"), id: memberText(o, "id"), minorVersion: memberText(o, "minorversion"),
		source: memberText(o, "source"), sourceHost: memberText(o, "sourcehost"), time: now, sourceLib: dotted(o),
	}
	if m.minorVersion == "" {
		m.minorVersion = "0"
	}
	if m.source == "" {
		m.source = unsetSource
	}
	if text := memberText(o, "time"); text != "" {
		var ok bool
		if m.time, ok = parseTime(text); !ok {
			return m, relay.Errorf(relay.CodeInvalid, "event_metadata.time is no time.")
		}
	}
	return m, m.check()
}

// check tells what in the metadata could not stand in a header or a subject.
func (m metadata) check() error {
	if !relay.ValidEventType(m.eventType) {
		return relay.Errorf(relay.CodeInvalid, "event_metadata.event_type is missing or no event type.")
	}
	if m.id == "" || len(m.id) > 255 || strings.ContainsFunc(m.id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return relay.Errorf(relay.CodeInvalid, "event_metadata.id is missing or no identifier.")
	}
	for _, text := range []string{m.minorVersion, m.source, m.sourceHost, m.sourceLib} {
		if len(text) > 1024 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return relay.Errorf(relay.CodeInvalid, "event_metadata holds a text that is too long or not printable.")
		}
	}
	return nil
}

// message puts the metadata into the attributes and headers of a message with this canonical body.
func (m metadata) message(body []byte) relay.Message {
	header := map[string]string{relay.HeaderMinorVersion: m.minorVersion}
	if m.sourceHost != "" {
		header[relay.HeaderSourceHost] = m.sourceHost
	}
	if m.sourceLib != "" {
		header[relay.HeaderSourceLib] = m.sourceLib
	}
	return relay.Message{
		Subject: relay.EventSubject(m.eventType), ID: m.id, Type: m.eventType, Source: m.source, Time: m.time,
		ContentType: contentJSON, DedupID: m.id, Body: body, Header: header,
	}
}

// pluginMetadata gives the event_metadata that the plugin would have posted for a message.
func pluginMetadata(m relay.Message, sourcelib func([]pyjson.Value) pyjson.Value) *pyjson.Object {
	var minor pyjson.Value = m.Header[relay.HeaderMinorVersion]
	if n, err := pyjson.Decode([]byte(m.Header[relay.HeaderMinorVersion]), pyjson.DecodeOptions{}); err == nil {
		minor = n
	} else if minor == "" {
		minor = pyjson.Int(0)
	}
	return pyjson.NewObject(
		pyjson.Member{Key: "event_type", Value: m.Type},
		pyjson.Member{Key: "id", Value: m.ID},
		pyjson.Member{Key: "minorversion", Value: minor},
		pyjson.Member{Key: "source", Value: m.Source},
		pyjson.Member{Key: "sourcehost", Value: m.Header[relay.HeaderSourceHost]},
		pyjson.Member{Key: "time", Value: pythonTime(m.Time)},
		pyjson.Member{Key: "sourcelib", Value: sourcelib(undotted(m.Header[relay.HeaderSourceLib]))},
	)
}

func memberText(o *pyjson.Object, key string) string {
	v, _ := o.Get(key)
	switch v := v.(type) {
	case string:
		return v
	case pyjson.Number:
		return string(v)
	}
	return ""
}

// dotted gives sourcelib as "10.5.0", whether it came as a list, a tuple or a text.
func dotted(o *pyjson.Object) string {
	v, _ := o.Get("sourcelib")
	var items []pyjson.Value
	switch v := v.(type) {
	case string:
		return v
	case pyjson.Array:
		items = v
	case pyjson.Tuple:
		items = v
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = pyjson.Text(item)
	}
	return strings.Join(parts, ".")
}

func undotted(text string) []pyjson.Value {
	if text == "" {
		return nil
	}
	var items []pyjson.Value
	for part := range strings.SplitSeq(text, ".") {
		if n, err := pyjson.Decode([]byte(part), pyjson.DecodeOptions{}); err == nil {
			if n, ok := n.(pyjson.Number); ok && n.IsInt() {
				items = append(items, n)
				continue
			}
		}
		items = append(items, part)
	}
	return items
}
