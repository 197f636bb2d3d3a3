package openedx

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

func load(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCatalogueHoldsEveryEventClassAndFilter(t *testing.T) {
	t.Parallel()
	c := load(t)
	if len(c.Events()) != 75 || len(c.Classes()) != 50 || len(c.Filters()) != 27 {
		t.Fatalf("%d events, %d classes, %d filters", len(c.Events()), len(c.Classes()), len(c.Filters()))
	}
	plugin, bus := 0, map[string]int{}
	for _, e := range c.Events() {
		if e.Plugin {
			plugin++
		}
		for _, release := range []string{"10.5.0", "11.2.0"} {
			if len(c.event(e.Type).layoutsFor(release)) == 1 {
				bus[release]++
			}
		}
		if !relay.ValidEventType(e.Type) || e.Signal == "" || e.About == "" {
			t.Errorf("%+v", e)
		}
	}
	if plugin != 64 || bus["10.5.0"] != 64 || bus["11.2.0"] != 73 {
		t.Errorf("plugin posts %d; on the bus %v", plugin, bus)
	}
}

func TestFiltersAreFoundByBothSpellings(t *testing.T) {
	t.Parallel()
	c := load(t)
	for stored, class := range map[string]string{
		"StudentSettingsRenderStarted": "AccountSettingsRenderStarted", "XblockRenderStarted": "RenderXBlockStarted",
		"CourseHomepageUrlCreationStarted": "CourseHomeUrlCreationStarted", "HomeEnrollmentApiRendered": "CourseEnrollmentAPIRenderStarted",
		"HomeCourserunApiRenderedStarted": "CourseRunAPIRenderStarted", "AuthoringLmsPageUrlRequested": "LMSPageURLRequested",
		"OraSubmissionViewRenderStarted": "ORASubmissionViewRenderStarted", "IdvPageUrlRequested": "IDVPageURLRequested",
		"CourseAboutPageUrlRequested": "CourseAboutPageURLRequested", "ScheduleQuerysetRequested": "ScheduleQuerySetRequested",
		"org.openedx.learning.course.enrollment.started.v1": "CourseEnrollmentStarted",
	} {
		for _, name := range []string{stored, class} {
			if f, ok := c.Filter(name); !ok || f.Class != class {
				t.Errorf("%s is %q", name, f.Class)
			}
		}
	}
	if _, ok := c.Filter("NoSuchFilter"); ok {
		t.Error("an unknown filter was found")
	}
	login, _ := c.Filter("StudentLoginRequested")
	halt, _ := login.Exception(login.Halt)
	if halt.Takes("status_code") || !halt.Takes("redirect_to") {
		t.Errorf("login halts by %+v", halt)
	}
}

// The fingerprints are those of upstream's own schemas, by release.
func TestLayoutsAreUpstreamsByRelease(t *testing.T) {
	t.Parallel()
	c := load(t)
	raw, err := os.ReadFile("testdata/layouts.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][][2]string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != 75 {
		t.Fatalf("%d types", len(want))
	}
	for eventType, history := range want {
		for _, at := range history {
			if got := fingerprint(c.event(eventType), at[0]); got != at[1] {
				t.Errorf("%s at %s: %s, want %s", eventType, at[0], got, at[1])
			}
		}
	}
}

// fingerprint is the head of the SHA-256 of the schema's parsing canonical form.
func fingerprint(e *Event, release string) string {
	layouts := e.layoutsFor(release)
	if len(layouts) == 0 {
		return "unserializable"
	}
	schema := avroSchema(layouts[0], e.Type, map[string]bool{})
	sum := sha256.Sum256(pyjson.Encode(schema, pyjson.Style{}))
	return hex.EncodeToString(sum[:8])
}

func avroSchema(l *layout, namespace string, seen map[string]bool) pyjson.Value {
	if l.optional {
		plain := *l
		plain.optional = false
		return pyjson.Array{"null", avroSchema(&plain, namespace, seen)}
	}
	switch l.kind {
	case KindInt:
		return "long"
	case KindFloat:
		return "double"
	case KindBool:
		return "boolean"
	case KindList:
		return pyjson.NewObject(pyjson.Member{Key: "type", Value: "array"}, pyjson.Member{Key: "items", Value: avroSchema(l.elem, namespace, seen)})
	case KindDict:
		return pyjson.NewObject(pyjson.Member{Key: "type", Value: "map"}, pyjson.Member{Key: "values", Value: avroSchema(l.elem, namespace, seen)})
	case KindClass:
		name := namespace + "." + l.name[strings.LastIndexByte(l.name, '.')+1:]
		if seen[name] {
			return name
		}
		seen[name] = true
		fields := pyjson.Array{}
		for _, f := range l.fields {
			fields = append(fields, pyjson.NewObject(
				pyjson.Member{Key: "name", Value: f.name}, pyjson.Member{Key: "type", Value: avroSchema(f.layout, namespace, seen)}))
		}
		return pyjson.NewObject(pyjson.Member{Key: "name", Value: name}, pyjson.Member{Key: "type", Value: "record"}, pyjson.Member{Key: "fields", Value: fields})
	}
	return "string"
}

func TestEverySampleEventPassesEveryWayInAndOut(t *testing.T) {
	t.Parallel()
	c := load(t)
	at := time.Date(2026, 5, 4, 3, 2, 1, 5000, time.UTC)
	for _, e := range c.Events() {
		m, err := c.SampleEvent(e.Type, "6f1d3a52-0c0f-4c39-9d3f-2a9f6a1f7c11", at)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []relay.Format{relay.FormatPluginJSON, relay.FormatPluginForm} {
			contentType, body, err := c.Encode(format, m)
			if err != nil {
				t.Fatal(err)
			}
			back, err := c.DecodePlugin(contentType, body, time.Time{})
			if err != nil {
				t.Fatalf("%s %s: %v", e.Type, format, err)
			}
			sameMessage(t, back, m)
		}
		entry, err := c.EncodeBus(m)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		back, err := c.DecodeBus(entry, "", time.Time{})
		if err != nil {
			t.Fatalf("%s from the bus: %v", e.Type, err)
		}
		sameMessage(t, back, m)
	}
	for _, own := range ownEvents() {
		m, err := c.SampleEvent(own.eventType, "id-1", at)
		if err != nil || m.Subject != "events."+own.eventType || !json.Valid(m.Body) {
			t.Errorf("%s: %s %v", own.eventType, m.Body, err)
		}
	}
	if _, err := c.SampleEvent("org.example.unknown", "1", at); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("sample of an unknown type: %v", err)
	}
}

func sameMessage(t *testing.T, got, want relay.Message) {
	t.Helper()
	if string(got.Body) != string(want.Body) || !got.Time.Equal(want.Time) || got.ID != want.ID || got.DedupID != want.ID ||
		got.Subject != "events."+want.Type || got.Source != want.Source || got.ContentType != "application/json" ||
		got.Header[relay.HeaderSourceLib] != want.Header[relay.HeaderSourceLib] {
		t.Errorf("%s\n got %s %v\nwant %s %v", want.Type, got.Body, got.Header, want.Body, want.Header)
	}
}

func TestEveryFilterHasASampleCall(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range c.Filters() {
		call, err := c.SampleFilterCall(f.Class, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []relay.Format{relay.FormatPluginJSON, relay.FormatPluginForm} {
			contentType, body := EncodeFilterCall(format, call)
			back, err := c.DecodeFilterCall(contentType, body)
			if err != nil || back.Class != f.Class || back.Name != call.Name || back.Time != call.Time || back.Format != format {
				t.Errorf("%s as %s: %+v %v", f.Class, format, back, err)
			}
			if _, again := EncodeFilterCall(format, back); string(again) != string(body) {
				t.Errorf("%s as %s\n got %s\nwant %s", f.Class, format, again, body)
			}
		}
		for key := range f.Data {
			if _, ok := call.Payload.Get(key); !ok && key != "*" && key != "form_data" && key != "filter" {
				t.Errorf("%s may set %s, which is not in its call", f.Class, key)
			}
		}
	}
}
