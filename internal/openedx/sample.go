package openedx

import (
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// sampleLib is the release that samples claim to come from: the newest of the catalogue.
const sampleLib = "11.2.0"

// SampleEvent gives a well-formed event of a known type with made-up data, for tests of subscriptions and for
// documentation. ErrNotFound for a type that the catalogue doesn't know.
func (c *Catalogue) SampleEvent(eventType, id string, at time.Time) (relay.Message, error) {
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
	return m.message(pyjson.Encode(pyjson.NewObject(pyjson.Member{Key: event.Key, Value: data}), canonical)), nil
}

// sampleTexts are made-up values of the opaque keys and of fields that subscribers like to read.
var sampleTexts = map[string]string{
	"CourseKey": "course-v1:edX+DemoX+Demo_Course", "UsageKey": "block-v1:edX+DemoX+Demo_Course+type@html+block@welcome",
	"CCXLocator": "ccx-v1:edX+DemoX+Demo_Course+ccx@1", "LibraryLocatorV2": "lib:edX:demo",
	"LibraryUsageLocatorV2": "lb:edX:demo:html:welcome", "LibraryCollectionLocator": "lib-collection:edX:demo:basics",
	"LibraryContainerLocator": "lct:edX:demo:unit:week-1", "uuid": "6f1d3a52-0c0f-4c39-9d3f-2a9f6a1f7c11",
	"username": "ana", "email": "ana@learners.example", "name": "Ana Núñez", "mode": "verified", "grade": "0.95",
	"display_name": "Demonstration Course", "url": "https://lms.example/item/1", "content_url": "https://lms.example/item/1",
	"download_url": "https://lms.example/certificates/1", "image_url": "https://lms.example/badge.png",
	"coach_email": "coach@learners.example", "org_key": "edX", "role": "staff", "data": "{}", "context": "{}", "status": "submitted",
	"course_id": "course-v1:edX+DemoX+Demo_Course", "object_id": "course-v1:edX+DemoX+Demo_Course", "user_id": "7",
	"block_type": "html", "letter_grade": "Pass", "current_status": "downloadable", "state": "committed", "pacing": "instructor",
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
		for _, f := range c.classes[t.Name].at(newest) {
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
	if text, ok := sampleTexts[typeName]; ok {
		return text
	}
	return "sample " + field
}
