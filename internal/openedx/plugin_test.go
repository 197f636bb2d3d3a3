package openedx

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// fixture is an event in every shape, as testdata/generate.py wrote it with CPython.
type fixture struct {
	Type, JSON, Form, Body string
	Time                   time.Time
	Avro                   []byte
}

func fixtures(t testing.TB) []fixture {
	t.Helper()
	raw, err := os.ReadFile("testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []fixture
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no fixtures")
	}
	return list
}

func TestPluginEventsBecomeCanonicalAndBack(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range fixtures(t) {
		for contentType, posted := range map[string]string{"application/json": f.JSON, "application/x-www-form-urlencoded": f.Form} {
			m, err := c.DecodePlugin(contentType, []byte(posted), time.Time{})
			if err != nil {
				t.Fatalf("%s: %v", f.Type, err)
			}
			if string(m.Body) != f.Body {
				t.Errorf("%s from %s\n got %s\nwant %s", f.Type, contentType, m.Body, f.Body)
			}
			if !m.Time.Equal(f.Time) || m.Header[relay.HeaderSourceLib] != "10.5.0" || m.Header[relay.HeaderMinorVersion] != "0" ||
				m.Header[relay.HeaderSourceHost] != "lms-1" || m.Source != "openedx/lms/web" || m.DedupID != m.ID {
				t.Errorf("%+v", m)
			}
			for format, want := range map[relay.Format]string{relay.FormatPluginJSON: f.JSON, relay.FormatPluginForm: f.Form} {
				if _, body, err := c.Encode(format, m); err != nil || string(body) != want {
					t.Errorf("%s from %s as %s: %v\n got %s\nwant %s", f.Type, contentType, format, err, body, want)
				}
			}
		}
	}
}

const metaTail = `"event_metadata": {"event_type": "TYPE", "id": "11111111-0000-11f0-8000-000000000001", "minorversion": 0,` +
	` "source": "openedx/lms/web", "sourcehost": "h", "time": "2026-03-01 09:30:06+00:00", "sourcelib": [10, 5, 0]}}`

func posted(data, eventType string) []byte {
	return []byte("{" + data + ", " + strings.ReplaceAll(metaTail, "TYPE", eventType))
}

func TestUnknownTypesKeepTheirKeys(t *testing.T) {
	t.Parallel()
	c := load(t)
	body := posted(`"openedx_events.new.data.NewData": {"when": "2026-01-01 00:00:00", "n": 1.10}, "other": [1, 2]`, "org.openedx.new.thing.v1")
	m, err := c.DecodePlugin("application/json", body, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"openedx_events.new.data.NewData":{"when":"2026-01-01 00:00:00","n":1.10},"other":[1,2]}`
	if string(m.Body) != want || m.Subject != "events.org.openedx.new.thing.v1" {
		t.Errorf("%s %s", m.Subject, m.Body)
	}
	form := "openedx_events.new.data.NewData_a_b=1&event_metadata_event_type=org.openedx.new.thing.v1&event_metadata_id=5"
	if m, err = c.DecodePlugin("application/x-www-form-urlencoded", []byte(form), time.Unix(9, 0)); err != nil ||
		string(m.Body) != `{"openedx_events.new.data.NewData":{"a_b":"1"}}` || !m.Time.Equal(time.Unix(9, 0)) {
		t.Errorf("%s %v", m.Body, err)
	}
}

func TestNumbersOrderAndNaNOnTheLog(t *testing.T) {
	t.Parallel()
	c := load(t)
	data := `"openedx_events.learning.data.CourseNotificationData": {"course_key": "k", "zeta": {"z": 1.10, "a": NaN, "m": [Infinity, 12345678901234567890123]}}`
	m, err := c.DecodePlugin("application/json; charset=utf-8", posted(data, "org.openedx.learning.course.notification.requested.v1"), time.Time{})
	const want = `{"course_notification_data":{"course_key":"k","zeta":{"z":1.10,"a":null,"m":[null,12345678901234567890123]}}}`
	if err != nil || string(m.Body) != want {
		t.Errorf("%s %v", m.Body, err)
	}
}

func TestMalformedPostsAreRefused(t *testing.T) {
	t.Parallel()
	c := load(t)
	const known = "org.openedx.learning.student.registration.completed.v1"
	user := `"openedx_events.learning.data.UserData": {"id": 1}`
	for name, bad := range map[string]struct {
		contentType, body string
		code              relay.Code
	}{
		"no JSON":          {"application/json", "{", relay.CodeInvalid},
		"an array":         {"application/json", "[]", relay.CodeInvalid},
		"no metadata":      {"application/json", "{" + user + "}", relay.CodeInvalid},
		"invalid UTF-8":    {"application/json", "{\"a\xff\": 1}", relay.CodeInvalid},
		"type with space":  {"application/json", string(posted(user, "org.openedx a")), relay.CodeInvalid},
		"type with star":   {"application/json", string(posted(user, "org.*.a")), relay.CodeInvalid},
		"type with >":      {"application/json", string(posted(user, "org.>")), relay.CodeInvalid},
		"empty token":      {"application/json", string(posted(user, "org..a")), relay.CodeInvalid},
		"two data objects": {"application/json", string(posted(user+`, "x": {}`, known)), relay.CodeInvalid},
		"data is no object": {"application/json", string(posted(`"openedx_events.learning.data.UserData": 1`, known)),
			relay.CodeInvalid},
		"id with newline":   {"application/json", strings.ReplaceAll(string(posted(user, known)), "11111111-", `\n`), relay.CodeInvalid},
		"bad time":          {"application/json", strings.ReplaceAll(string(posted(user, known)), "2026-03-01 ", "yesterday "), relay.CodeInvalid},
		"header break":      {"application/json", strings.ReplaceAll(string(posted(user, known)), "openedx/lms/web", `a\r\nb`), relay.CodeInvalid},
		"form: bad escape":  {"application/x-www-form-urlencoded", "a=%zz", relay.CodeInvalid},
		"form: bad UTF-8":   {"application/x-www-form-urlencoded", "a=%ff", relay.CodeInvalid},
		"form: no metadata": {"application/x-www-form-urlencoded", "a=1", relay.CodeInvalid},
		"form: flood":       {"application/x-www-form-urlencoded", manyFields(), relay.CodeTooLarge},
		"XML":               {"text/xml", "<a/>", relay.CodeUnsupported},
	} {
		if _, err := c.DecodePlugin(bad.contentType, []byte(bad.body), time.Time{}); relay.CodeOf(err) != bad.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range maxFormFields + 2 {
		b.WriteString("&f" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String() + "=1")
	}
	return b.String()
}

func TestPrivateKeysAndDeepNestingAreWrittenAsThePluginDoes(t *testing.T) {
	t.Parallel()
	c := load(t)
	body := `{"x":{"_private":1,"y":{"_z":2,"w":3}},"deep":` + strings.Repeat(`{"d":`, 20) + `1` + strings.Repeat(`}`, 20) + `}`
	m := relay.Message{Type: "org.example.own.v1", ID: "1", Source: "s", Time: time.Unix(0, 0), Body: []byte(body)}
	_, got, err := c.Encode(relay.FormatPluginJSON, m)
	want := `{"x": {"y": {"w": 3}}, "deep": ` + strings.Repeat(`{"d": `, 16) + `"! Depth limit reached !"` + strings.Repeat(`}`, 16) +
		`, "event_metadata": {"event_type": "org.example.own.v1", "id": "1", "minorversion": 0, "source": "s", "sourcehost": "", ` +
		`"time": "1970-01-01 00:00:00+00:00", "sourcelib": []}}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestCloudEventsStructured(t *testing.T) {
	t.Parallel()
	c := load(t)
	m, err := c.SampleEvent("org.openedx.learning.badge.awarded.v1", "id-1", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	contentType, body, err := c.Encode(relay.FormatCloudEvents, m)
	if err != nil || !strings.HasPrefix(contentType, "application/cloudevents+json") {
		t.Fatal(contentType, err)
	}
	var e struct {
		SpecVersion, ID, Source, Type, Time, DataContentType, MinorVersion, SourceLib string
		Data                                                                          json.RawMessage
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	if e.SpecVersion != "1.0" || e.ID != "id-1" || e.Type != m.Type || e.Time != "2026-01-02T03:04:05Z" || e.DataContentType != "application/json" ||
		e.MinorVersion != "0" || e.SourceLib != sampleLib || string(e.Data) != string(m.Body) {
		t.Errorf("%s", body)
	}
	m.Time = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 19800)) // as its ce-time says
	if _, body, err = c.Encode(relay.FormatCloudEvents, m); err != nil || !strings.Contains(string(body), `"time":"2026-01-02T03:04:05+05:30"`) {
		t.Errorf("%s %v", body, err)
	}
	m.ContentType, m.Body = "text/plain", []byte{0xff, 'x'}
	if _, body, err = c.Encode(relay.FormatCloudEvents, m); err != nil || !strings.Contains(string(body), `"data_base64":"/3g="`) {
		t.Errorf("%s %v", body, err)
	}
}

func FuzzDecodePlugin(f *testing.F) {
	c := load(f)
	for _, fx := range fixtures(f) {
		f.Add(true, []byte(fx.JSON))
		f.Add(false, []byte(fx.Form))
	}
	f.Fuzz(func(t *testing.T, asJSON bool, body []byte) {
		contentType := "application/x-www-form-urlencoded"
		if asJSON {
			contentType = "application/json"
		}
		m, err := c.DecodePlugin(contentType, body, time.Unix(0, 0))
		if err != nil {
			if code := relay.CodeOf(err); code != relay.CodeInvalid && code != relay.CodeTooLarge {
				t.Fatalf("%v", err)
			}
			return
		}
		if !json.Valid(m.Body) || !relay.ValidEventType(m.Type) {
			t.Fatalf("%s %q", m.Type, m.Body)
		}
		for _, format := range []relay.Format{relay.FormatPluginJSON, relay.FormatPluginForm, relay.FormatCloudEvents} {
			if _, out, err := c.Encode(format, m); err != nil || format != relay.FormatPluginForm && !json.Valid(out) {
				t.Fatalf("%s: %q %v", format, out, err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	c := load(b)
	m, err := c.DecodePlugin("application/json", []byte(fixtures(b)[1].JSON), time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range []relay.Format{relay.FormatPluginJSON, relay.FormatPluginForm, relay.FormatCloudEvents} {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Encode(format, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodePlugin(b *testing.B) {
	c, body := load(b), []byte(fixtures(b)[1].JSON)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.DecodePlugin("application/json", body, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Keys of free dicts are anybody's: dots in them say nothing about the class.
func TestAFormsKeysMayHoldDots(t *testing.T) {
	t.Parallel()
	c := load(t)
	const class = "openedx_events.learning.data.UserNotificationData"
	for _, name := range []string{class, "other_site.events.data.Happened"} {
		eventType := "org.openedx.learning.user.notification.requested.v1"
		if name != class {
			eventType = "org.example.happened.v1"
		}
		form := name + "_app_name=x&" + name + "_context_a.b_c=1&" + name + "_context_.=2&event_metadata_event_type=" + eventType +
			"&event_metadata_id=1&event_metadata_source=openedx%2Flms%2Fweb"
		m, err := c.DecodePlugin("application/x-www-form-urlencoded", []byte(form), time.Unix(0, 0).UTC())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, body, err := c.Encode(relay.FormatPluginForm, m)
		if want := form[:strings.Index(form, "&event_metadata")]; err != nil || !strings.HasPrefix(string(body), want+"&") {
			t.Errorf("%s: %s, error %v", name, body, err)
		}
	}
}
