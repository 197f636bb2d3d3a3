package openedx

import (
	"cmp"
	_ "embed" // samples.json
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

//go:embed catalogue/samples.json
var samplesFile []byte

// FilterCall is one question of Open edX, as the plugin posts it.
type FilterCall struct {
	Class   string         // class of the filter; as posted when the catalogue doesn't know it
	Name    string         // as the plugin has it stored, perhaps in its own spelling
	Time    string         // local to the plugin, without offset: "2026-11-21 20:35:28.957723"
	Format  relay.Format   // how it was posted, JSON or form
	Payload *pyjson.Object // without event_metadata
}

// DecodeFilterCall reads a filter call that the openedx-webhooks plugin posted, as JSON or as form. A form has lost
// its nesting: fields are put under the payload keys of the filter, one level deep, and all are strings. Errors are
// *relay.Error: CodeInvalid, or CodeUnsupported for another content type.
func (c *Catalogue) DecodeFilterCall(contentType string, body []byte) (FilterCall, error) {
	call := FilterCall{Format: encodingOf(contentType, body)}
	var about *pyjson.Object
	switch call.Format {
	case relay.FormatPluginJSON:
		posted, err := decodePosted(body)
		if err != nil {
			return FilterCall{}, err
		}
		value, _ := posted.Get(metadataKey)
		about, _ = value.(*pyjson.Object)
		posted.Delete(metadataKey)
		call.Payload = posted
	case relay.FormatPluginForm:
		fields, err := parseForm(body)
		if err != nil {
			return FilterCall{}, err
		}
		about, call.Payload = split(fields, metadataKey+"_")
	default:
		return FilterCall{}, relay.Errorf(relay.CodeUnsupported, "The content type is neither JSON nor form.")
	}
	call.Name, call.Time = memberText(about, "event_type"), memberText(about, "time")
	if !relay.ValidEventType(call.Name) {
		return FilterCall{}, relay.Errorf(relay.CodeInvalid, "event_metadata.event_type is missing or no filter name.")
	}
	call.Class = call.Name
	if filter, ok := c.Filter(call.Name); ok {
		call.Class = filter.Class
		if call.Format == relay.FormatPluginForm {
			call.Payload = nestPayload(call.Payload, filter.Payload)
		}
	}
	return call, nil
}

// nestPayload puts flat fields under the payload keys that they start with, the longest first.
func nestPayload(flat *pyjson.Object, keys []string) *pyjson.Object {
	keys = slices.SortedFunc(slices.Values(keys), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	payload := pyjson.NewObject()
	for name, value := range flat.All() {
		nestField(payload, name, value, keys)
	}
	return payload
}

func nestField(payload *pyjson.Object, name string, value pyjson.Value, keys []string) {
	if !slices.Contains(keys, name) {
		for _, key := range keys {
			short, ok := strings.CutPrefix(name, key+"_")
			if !ok {
				continue
			}
			part, _ := payload.Get(key)
			object, isObject := part.(*pyjson.Object)
			if !isObject {
				object = pyjson.NewObject()
				payload.Set(key, object)
			}
			object.Set(short, value)
			return
		}
	}
	payload.Set(name, value)
}

// EncodeFilterCall gives the content type and the body of a filter call as the plugin posts them, in plugin-json or
// plugin-form.
func EncodeFilterCall(format relay.Format, call FilterCall) (contentType string, body []byte) {
	o := pyjson.NewObject()
	for key, value := range call.Payload.All() {
		o.Set(key, value)
	}
	o.Set(metadataKey, pyjson.NewObject(
		pyjson.Member{Key: "event_type", Value: call.Name}, pyjson.Member{Key: "time", Value: call.Time}))
	if format == relay.FormatPluginForm {
		return contentForm, appendForm(nil, o)
	}
	return contentJSON, pyjson.Encode(o, pyjson.Style{Spaced: true, Finite: true})
}

// SampleFilterCall gives a well-formed call of a known filter with made-up data. at is the plugin's clock.
// ErrNotFound for a filter that the catalogue doesn't know.
func (c *Catalogue) SampleFilterCall(name string, at time.Time) (FilterCall, error) {
	filter, ok := c.Filter(name)
	if !ok {
		return FilterCall{}, fmt.Errorf("sample of filter %q: %w", name, relay.ErrNotFound)
	}
	samples, err := pyjson.DecodeObject(samplesFile, pyjson.DecodeOptions{})
	if err != nil {
		return FilterCall{}, fmt.Errorf("samples.json: %w", err)
	}
	payload := pyjson.NewObject()
	for _, key := range filter.Payload {
		value, ok := samples.Get(key)
		if !ok {
			return FilterCall{}, fmt.Errorf("samples.json has no %s", key)
		}
		payload.Set(key, value)
	}
	if len(filter.Payload) == 0 {
		value, _ := samples.Get("form_data")
		payload, _ = value.(*pyjson.Object)
	}
	call := FilterCall{Class: filter.Class, Name: cmp.Or(filter.Stored, filter.Class), Format: relay.FormatPluginJSON, Payload: payload}
	call.Time, _ = strings.CutSuffix(pythonTime(at), "+00:00")
	return call, nil
}
