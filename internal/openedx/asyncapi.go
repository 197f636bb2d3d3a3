package openedx

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// object is one JSON object of the AsyncAPI document.
type object = map[string]any

// AsyncAPI gives an AsyncAPI 3 document of the EVENTS stream, made from the catalogue: one channel for each event type
// of Open edX and of edrelay itself, with the schema of its body and a made-up example. host is the address of NATS that
// subscribers use, productVersion the version of edrelay.
func (c *Catalogue) AsyncAPI(host, productVersion string) ([]byte, error) {
	doc := document{catalogue: c, channels: object{}, operations: object{}, messages: object{}, schemas: c.classSchemas()}
	for _, e := range c.events {
		sample, err := c.SampleEvent(e.Type, "6f1d3a52-0c0f-4c39-9d3f-2a9f6a1f7c11", time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC))
		if err != nil {
			return nil, err
		}
		doc.add(e.Type, e.Signal, e.About, e.Key, schemaRef(e.Class), sample.Body)
	}
	for _, own := range ownEvents() {
		doc.add(own.eventType, own.title, own.about, own.key, own.schema(), c.sampleOwn(own, "1", time.Time{}).Body)
	}
	maps.Copy(doc.schemas, object{"EventHeaders": headerSchema()})
	return json.MarshalIndent(object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "edrelay events", "version": productVersion, "license": object{"name": "Apache-2.0"},
			"description": "What happened in Open edX and in edrelay, on the JetStream stream EVENTS. Every message is a CloudEvent 1.0 in " +
				"binary mode: attributes are headers, the body is the data. A service reads it with credentials made by `edrelay nats-user add`.",
		},
		"defaultContentType": contentJSON,
		"servers":            object{"nats": object{"host": host, "protocol": "nats", "description": "NATS with JetStream; the stream is EVENTS."}},
		"channels":           doc.channels,
		"operations":         doc.operations,
		"components":         object{"messages": doc.messages, "schemas": doc.schemas},
	}, "", "  ")
}

// document is what is collected of the event types.
type document struct {
	catalogue                               *Catalogue
	channels, operations, messages, schemas object
}

// add describes an event type; example is a body.
func (d *document) add(eventType, title, about, key string, data object, example []byte) {
	d.messages[eventType] = object{
		"name": eventType, "title": title, "summary": about, "contentType": contentJSON,
		"headers":  object{"$ref": "#/components/schemas/EventHeaders"},
		"payload":  object{"type": "object", "required": []string{key}, "properties": object{key: data}},
		"examples": []object{{"payload": json.RawMessage(example)}},
	}
	d.channels[eventType] = object{
		"address": relay.EventSubject(eventType), "messages": object{"event": object{"$ref": "#/components/messages/" + eventType}},
	}
	d.operations["receive."+eventType] = object{
		"action": "receive", "channel": object{"$ref": "#/channels/" + eventType},
		"messages": []object{{"$ref": "#/channels/" + eventType + "/messages/event"}},
	}
}

func (c *Catalogue) classSchemas() object {
	schemas := object{}
	for path, class := range c.classes {
		properties, required := object{}, []string{}
		for _, f := range class.at(newest()) {
			properties[f.Name] = f.Type.schema()
			required = append(required, f.Name)
		}
		schemas[schemaName(path)] = object{
			"type": "object", "title": path, "required": required, "properties": properties,
			"description": "As of the newest release of openedx-events that edrelay knows; events of other releases may have other fields.",
		}
	}
	return schemas
}

func schemaName(path string) string { return strings.TrimPrefix(path, "openedx_events.") }

func schemaRef(path string) object { return object{"$ref": "#/components/schemas/" + schemaName(path)} }

// schema gives the JSON Schema of values of the type as they stand on the log.
func (t Type) schema() object {
	s := t.plainSchema()
	if !t.Optional {
		return s
	}
	if kind, ok := s["type"].(string); ok {
		s["type"] = []string{kind, "null"}
		return s
	}
	return object{"anyOf": []object{s, {"type": "null"}}}
}

func (t Type) plainSchema() object {
	switch t.Kind {
	case KindTime:
		return object{"type": "string", "description": "RFC 3339 with T; without offset when Open edX sent none."}
	case KindInt:
		return object{"type": "integer"}
	case KindFloat:
		return object{"type": "number"}
	case KindBool:
		return object{"type": "boolean"}
	case KindClass:
		return schemaRef(t.Name)
	case KindList:
		return object{"type": "array", "items": t.Elem.schema()}
	case KindDict:
		return object{"type": "object", "additionalProperties": t.Elem.schema()}
	case KindAny:
		return object{"description": "Anything: a bare Python " + t.Name + "."}
	}
	if t.Name == "str" {
		return object{"type": "string"}
	}
	return object{"type": "string", "description": t.Name, "examples": []string{sampleNamed(t.Name)}}
}

func headerSchema() object {
	text := func(about string) object { return object{"type": "string", "description": about} }
	return object{
		"type": "object", "required": []string{"ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time"},
		"properties": object{
			"ce-specversion": text("1.0"), "ce-id": text("Unique within ce-source; also Nats-Msg-Id for events of Open edX."),
			"ce-type": text("The event type."), "ce-source": text("Who sent it, e.g. openedx/lms/web."), "ce-time": text("RFC 3339."),
			"ce-subject": text("What it is about; may be absent."), relay.HeaderMinorVersion: text("Minor version of the event type, a number."),
			relay.HeaderSourceHost: text("Host that sent it."), relay.HeaderSourceLib: text("Release of openedx-events, e.g. 10.5.0."),
			"traceparent": text("W3C trace context."),
		},
	}
}
