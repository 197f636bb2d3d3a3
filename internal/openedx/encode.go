package openedx

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// Content types of the formats.
const (
	contentJSON       = "application/json"
	contentForm       = "application/x-www-form-urlencoded"
	contentCloudEvent = "application/cloudevents+json; charset=UTF-8"
)

// maxPluginDepth is how deep the plugin writes; deeper objects and lists become depthText.
const (
	maxPluginDepth = 15
	depthText      = "! Depth limit reached !"
)

// Encode gives the content type and the body of an event in a format. The plugin's formats are byte for byte what the
// plugin would have posted, whichever way the event came in. An error means that the message is no event.
func (c *Catalogue) Encode(format relay.Format, m relay.Message) (contentType string, body []byte, err error) {
	switch format {
	case relay.FormatPluginJSON:
		o, err := c.pluginObject(m, func(lib []pyjson.Value) pyjson.Value { return pyjson.Array(lib) })
		if err != nil {
			return "", nil, err
		}
		return contentJSON, pyjson.Encode(o, pyjson.Style{Spaced: true, Finite: true}), nil
	case relay.FormatPluginForm:
		o, err := c.pluginObject(m, func(lib []pyjson.Value) pyjson.Value { return pyjson.Tuple(lib) })
		if err != nil {
			return "", nil, err
		}
		return contentForm, appendForm(nil, o), nil
	case relay.FormatCloudEvents:
		return contentCloudEvent, structured(m), nil
	}
	return "", nil, fmt.Errorf("format %q is unknown", format)
}

// pluginObject rebuilds what the plugin had before it wrote it: class path for data key, times with a space.
func (c *Catalogue) pluginObject(m relay.Message, sourcelib func([]pyjson.Value) pyjson.Value) (*pyjson.Object, error) {
	body, err := pyjson.DecodeObject(m.Body, pyjson.DecodeOptions{Constants: pyjson.NullConstants})
	if err != nil {
		return nil, fmt.Errorf("body of the event: %w", err)
	}
	event := c.event(m.Type)
	o := pyjson.NewObject()
	for key, value := range body.All() {
		class := c.classes[key]
		if event != nil && key == event.Key {
			key, class = event.Class, c.classes[event.Class]
		}
		if class != nil {
			value = c.retime(value, Type{Kind: KindClass, Name: class.Path}, ' ')
		}
		o.Set(key, asSerialised(value, 0))
	}
	o.Set(metadataKey, pluginMetadata(m, sourcelib))
	return o, nil
}

// asSerialised drops what the plugin's serialiser drops: keys that start with "_", and what is nested too deeply.
func asSerialised(v pyjson.Value, depth int) pyjson.Value {
	switch v := v.(type) {
	case pyjson.Array:
		if depth > maxPluginDepth {
			return depthText
		}
		for i := range v {
			v[i] = asSerialised(v[i], depth+1)
		}
	case *pyjson.Object:
		if depth > maxPluginDepth {
			return depthText
		}
		return publicMembers(v, depth)
	}
	return v
}

func publicMembers(o *pyjson.Object, depth int) *pyjson.Object {
	var private []string
	for key, value := range o.All() {
		if strings.HasPrefix(key, "_") {
			private = append(private, key)
			continue
		}
		o.Set(key, asSerialised(value, depth+1))
	}
	for _, key := range private {
		o.Delete(key)
	}
	return o
}

// structured gives a CloudEvent in structured mode: attributes, extensions and data as members of one object. A body
// that is no JSON goes into data_base64.
func structured(m relay.Message) []byte {
	dst := append([]byte(nil), `{"specversion":"1.0"`...)
	member := func(name, value string) {
		if value != "" {
			dst = append(append(append(dst, ',', '"'), name...), '"', ':')
			dst = pyjson.AppendString(dst, value, pyjson.Style{Unicode: true})
		}
	}
	member("id", m.ID)
	member("source", m.Source)
	member("type", m.Type)
	member("subject", m.About)
	member("time", m.Time.Format(time.RFC3339Nano))
	member("datacontenttype", m.ContentType)
	for _, name := range [...]string{relay.HeaderMinorVersion, relay.HeaderSourceHost, relay.HeaderSourceLib} {
		member(strings.TrimPrefix(name, "ce-"), m.Header[name])
	}
	member("traceparent", m.Header["traceparent"])
	if encodingOf(m.ContentType, m.Body) == relay.FormatPluginJSON && json.Valid(m.Body) {
		return append(append(append(dst, `,"data":`...), m.Body...), '}')
	}
	member("data_base64", base64.StdEncoding.EncodeToString(m.Body))
	return append(dst, '}')
}
