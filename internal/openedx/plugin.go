package openedx

import (
	"bytes"
	"mime"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// canonical is how JSON stands on the log.
func canonical() pyjson.Style { return pyjson.Style{Unicode: true, Finite: true, Source: true} }

// DecodePlugin reads an event that the openedx-webhooks plugin posted, as JSON or as form, and gives the message for
// the log, without traceparent. now is the event's time when it has none. Types that the catalogue does not know keep
// their keys. Errors are *relay.Error: CodeInvalid, or CodeUnsupported for another content type.
//
// A form has lost its nesting and types. They are rebuilt by the catalogue; what it can't tell stays as it came: the
// keys inside a dict are not nested again ("a_b" stays one key), the text None of an optional field becomes null, and
// fields of unknown classes are strings.
func (c *Catalogue) DecodePlugin(contentType string, body []byte, now time.Time) (relay.Message, error) {
	switch kind := encodingOf(contentType, body); kind {
	case relay.FormatPluginJSON:
		return c.decodePluginJSON(body, now)
	case relay.FormatPluginForm:
		return c.decodePluginForm(body, now)
	}
	return relay.Message{}, relay.Errorf(relay.CodeUnsupported, "The content type is neither JSON nor form.")
}

// encodingOf tells JSON from form by the content type, or by the body when there is none; "" for anything else.
func encodingOf(contentType string, body []byte) relay.Format {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return relay.FormatPluginJSON
	case media == "application/x-www-form-urlencoded":
		return relay.FormatPluginForm
	case contentType == "" && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")):
		return relay.FormatPluginJSON
	case contentType == "":
		return relay.FormatPluginForm
	case err != nil:
		return ""
	}
	return ""
}

func (c *Catalogue) decodePluginJSON(body []byte, now time.Time) (relay.Message, error) {
	posted, err := decodePosted(body)
	if err != nil {
		return relay.Message{}, err
	}
	value, _ := posted.Get(metadataKey)
	about, ok := value.(*pyjson.Object)
	if !ok {
		return relay.Message{}, relay.Errorf(relay.CodeInvalid, "event_metadata is missing.")
	}
	m, err := metadataOf(about, now)
	if err != nil {
		return relay.Message{}, err
	}
	posted.Delete(metadataKey)
	data, err := c.canonicalData(m, posted)
	if err != nil {
		return relay.Message{}, err
	}
	return m.message(pyjson.Encode(data, canonical())), nil
}

// decodePosted reads a JSON object in which NaN and the infinities become null.
func decodePosted(body []byte) (*pyjson.Object, error) {
	posted, err := pyjson.DecodeObject(body, pyjson.DecodeOptions{Constants: pyjson.NullConstants})
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeInvalid, Message: "The body is no JSON object.", Err: err}
	}
	return posted, nil
}

// canonicalData turns the data part of what was posted into the body's object: class path to data key, times to T.
func (c *Catalogue) canonicalData(m metadata, posted *pyjson.Object) (*pyjson.Object, error) {
	event := c.event(m.eventType)
	if event != nil && posted.Len() != 1 {
		return nil, relay.Errorf(relay.CodeInvalid, "An event of this type has exactly one data object.")
	}
	data := pyjson.NewObject()
	for key, value := range posted.All() {
		class := c.classes[key]
		if event != nil {
			if _, ok := value.(*pyjson.Object); !ok {
				return nil, relay.Errorf(relay.CodeInvalid, "The data of the event is no object.")
			}
			key, class = event.Key, c.classes[event.Class]
		}
		if class != nil {
			value = c.retime(value, Type{Kind: KindClass, Name: class.Path}, 'T')
		}
		data.Set(key, value)
	}
	return data, nil
}

// retime gives the datetimes of a value the separator 'T' or ' '; only fields that the catalogue knows as datetimes
// change. Objects are changed in place.
func (c *Catalogue) retime(v pyjson.Value, t Type, separator byte) pyjson.Value {
	switch v := v.(type) {
	case string:
		if t.Kind == KindTime {
			return withSeparator(v, separator)
		}
	case pyjson.Array:
		if t.Kind == KindList {
			for i := range v {
				v[i] = c.retime(v[i], *t.Elem, separator)
			}
		}
	case *pyjson.Object:
		c.retimeObject(v, t, separator)
	}
	return v
}

func (c *Catalogue) retimeObject(o *pyjson.Object, t Type, separator byte) {
	switch t.Kind {
	case KindClass:
		class := c.classes[t.Name]
		if class == nil {
			return
		}
		for _, f := range class.at(newest()) {
			if v, ok := o.Get(f.Name); ok && f.Type.Kind != KindText {
				o.Set(f.Name, c.retime(v, f.Type, separator))
			}
		}
	case KindDict:
		for key, v := range o.All() {
			o.Set(key, c.retime(v, *t.Elem, separator))
		}
	}
}
