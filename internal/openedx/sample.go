package openedx

import (
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// sampleLib is the release that samples claim to come from: the newest of the catalogue.
const sampleLib = "11.2.0"

// SampleTypes gives the types that SampleEvent knows: those of Open edX by name, then edrelay's own.
func (c *Catalogue) SampleTypes() []string {
	var types []string
	for _, e := range c.events {
		types = append(types, e.Type)
	}
	for _, own := range ownEvents() {
		types = append(types, own.eventType)
	}
	return types
}

// SampleEvent gives a well-formed event of a known type, of Open edX or edrelay's own, with made-up data, for tests of subscriptions and for
// documentation. ErrNotFound for a type that the catalogue doesn't know.
func (c *Catalogue) SampleEvent(eventType, id string, at time.Time) (relay.Message, error) {
	for _, own := range ownEvents() {
		if own.eventType == eventType {
			return c.sampleOwn(own, id, at), nil
		}
	}
	event := c.event(eventType)
	if event == nil {
		return relay.Message{}, fmt.Errorf("sample of %q: %w", eventType, relay.ErrNotFound)
	}
	data := c.sampleOf("", Type{Kind: KindClass, Name: event.Class})
	m := metadata{
		eventType: eventType, id: id, minorVersion: "0", source: "openedx/lms/web", sourceHost: "sample", time: at, sourceLib: sampleLib,
	}
	if err := m.check(); err != nil {
		return relay.Message{}, err
	}
	return m.message(pyjson.Encode(pyjson.NewObject(pyjson.Member{Key: event.Key, Value: data}), canonical())), nil
}

// sampleOwn gives an event of edrelay itself.
func (c *Catalogue) sampleOwn(own ownEvent, id string, at time.Time) relay.Message {
	data := pyjson.NewObject()
	for _, f := range own.fields {
		data.Set(f.Name, c.sampleOf(f.Name, f.Type))
	}
	return relay.Message{
		Subject: relay.EventSubject(own.eventType), ID: id, Type: own.eventType, Source: "/edrelay/sample", Time: at,
		ContentType: contentJSON, DedupID: id, Header: map[string]string{},
		Body: pyjson.Encode(pyjson.NewObject(pyjson.Member{Key: own.key, Value: data}), canonical()),
	}
}

// sampleNamed gives a made-up value of an opaque key, or of a field that subscribers like to read; "" for any other.
func sampleNamed(name string) string {
	switch name {
	case "CourseKey", "course_id", "object_id":
		return "course-v1:edX+DemoX+Demo_Course"
	case "UsageKey":
		return "block-v1:edX+DemoX+Demo_Course+type@html+block@welcome"
	case "CCXLocator":
		return "ccx-v1:edX+DemoX+Demo_Course+ccx@1"
	case "LibraryLocatorV2":
		return "lib:edX:demo"
	case "LibraryUsageLocatorV2":
		return "lb:edX:demo:html:welcome"
	case "LibraryCollectionLocator":
		return "lib-collection:edX:demo:basics"
	case "LibraryContainerLocator":
		return "lct:edX:demo:unit:week-1"
	case "uuid":
		return "6f1d3a52-0c0f-4c39-9d3f-2a9f6a1f7c11"
	case "username":
		return "ana"
	case "email":
		return "ana@learners.example"
	case "name":
		return "Ana Núñez"
	case "mode":
		return "verified"
	case "grade":
		return "0.95"
	case "display_name":
		return "Demonstration Course"
	case "url", "content_url":
		return "https://lms.example/item/1"
	case "download_url":
		return "https://lms.example/certificates/1"
	case "image_url":
		return "https://lms.example/badge.png"
	case "coach_email":
		return "coach@learners.example"
	case "org_key":
		return "edX"
	case "role":
		return "staff"
	case "data", "context":
		return "{}"
	case "status":
		return "submitted"
	case "user_id":
		return "7"
	case "block_type":
		return "html"
	case "letter_grade":
		return "Pass"
	case "current_status":
		return "downloadable"
	case "state":
		return "committed"
	case "pacing":
		return "instructor"
	}
	return ""
}

func (c *Catalogue) sampleOf(field string, t Type) pyjson.Value {
	switch t.Kind {
	case KindTime:
		return "2026-01-15T09:30:00+00:00"
	case KindInt:
		return pyjson.Int(7)
	case KindFloat:
		return pyjson.Float(0.95)
	case KindBool:
		return true
	case KindClass:
		o := pyjson.NewObject()
		for _, f := range c.classes[t.Name].at(newest()) {
			o.Set(f.Name, c.sampleOf(f.Name, f.Type))
		}
		return o
	case KindList:
		return pyjson.Array{c.sampleOf("item", *t.Elem)}
	case KindDict:
		return pyjson.NewObject(pyjson.Member{Key: "sample", Value: c.sampleOf("item", *t.Elem)})
	case KindAny:
		return pyjson.NewObject()
	}
	return sampleText(field, t.Name)
}

func sampleText(field, typeName string) string {
	if typeName == "str" {
		typeName = field
	}
	if text := sampleNamed(typeName); text != "" {
		return text
	}
	return "sample " + field
}
