package openedx_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/openedx"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

const (
	registration = "org.openedx.learning.student.registration.completed.v1"
	eventID      = "11111111-0000-11f0-8000-000000000001"
	event        = `{"openedx_events.learning.data.UserData": {"id": 7, "is_active": true, "pii": {"username": "ana", ` +
		`"email": "ana@learners.example", "name": "Ana N\u00fa\u00f1ez"}}, "event_metadata": {"event_type": "` + registration + `", ` +
		`"id": "` + eventID + `", "minorversion": 0, "source": "openedx/lms/web", "sourcehost": "lms-1", ` +
		`"time": "2026-03-01 09:30:06.654321+00:00", "sourcelib": [10, 5, 0]}}`
	canonical = `{"user":{"id":7,"is_active":true,"pii":{"username":"ana","email":"ana@learners.example","name":"Ana Núñez"}}}`
	form      = "openedx_events.learning.data.UserData_id=7&openedx_events.learning.data.UserData_is_active=True" +
		"&openedx_events.learning.data.UserData_pii_username=ana&openedx_events.learning.data.UserData_pii_email=ana%40learners.example" +
		"&openedx_events.learning.data.UserData_pii_name=Ana+N%C3%BA%C3%B1ez&event_metadata_event_type=" + registration +
		"&event_metadata_id=" + eventID + "&event_metadata_minorversion=0&event_metadata_source=openedx%2Flms%2Fweb" +
		"&event_metadata_sourcehost=lms-1&event_metadata_time=2026-03-01+09%3A30%3A06.654321%2B00%3A00&event_metadata_sourcelib=%2810%2C+5%2C+0%29"
	password = "pass-4c1f"
	token    = "token/9b 2e"
)

func site(t testing.TB, ports source.Ports) source.Source {
	t.Helper()
	made, err := sourcetest.Make(openedx.Kind(), "openedx", openedx.Settings{Username: "plugin", Password: password, Token: token}, ports)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func post(t *testing.T, door *sourcetest.Door, path, contentType, body, user, pass string) sourcetest.Answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, door.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if user != "" {
		request.SetBasicAuth(user, pass)
	}
	return sourcetest.Do(t, request)
}

func TestAnEventIsOneMessageHoweverItIsPosted(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, site(t, source.Ports{}))
	for _, c := range []struct{ path, contentType, body, user string }{
		{"/webhooks/openedx/events", "application/json", event, "plugin"},
		{"/webhooks/openedx/events/", "application/x-www-form-urlencoded", form, "plugin"},
		{"/webhooks/openedx/events?token=" + url.QueryEscape(token), "application/json", event, ""},
		{"/webhooks/openedx/events/" + url.PathEscape(token), "application/json", event, ""},
		{"/webhooks/openedx/events/" + url.PathEscape(token) + "/", "application/json", event, ""},
		{"/webhooks/in/openedx", "application/json", event, "plugin"},
	} {
		answer := post(t, door, c.path, c.contentType, c.body, c.user, password)
		if answer.Status != 200 || answer.Body != `{"id":"`+eventID+`"}` {
			t.Errorf("%s: %d %q", c.path, answer.Status, answer.Body)
		}
	}
	kept := door.Log.Kept("")
	if len(kept) != 1 {
		t.Fatalf("%d messages", len(kept))
	}
	m := kept[0]
	if m.Subject != "events."+registration || m.ID != eventID || m.DedupID != eventID || string(m.Body) != canonical ||
		m.Header[relay.HeaderSourceLib] != "10.5.0" || m.Header["traceparent"] == "" || m.Time.Nanosecond() != 654321000 {
		t.Errorf("%+v\n%s", m, m.Body)
	}
}

func TestWithoutProofNothingIsTaken(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, site(t, source.Ports{}))
	for name, c := range map[string]struct{ path, body, user, pass string }{
		"nothing":                {"/webhooks/openedx/events", event, "", ""},
		"wrong password":         {"/webhooks/openedx/events", event, "plugin", "x"},
		"wrong user":             {"/webhooks/openedx/events", event, "x", password},
		"wrong token":            {"/webhooks/openedx/events?token=x", event, "", ""},
		"empty token":            {"/webhooks/openedx/events?token=", event, "", ""},
		"wrong path":             {"/webhooks/openedx/events/x", event, "", ""},
		"wrong and broken":       {"/webhooks/openedx/events", "{", "plugin", "x"},
		"filter without proof":   {"/webhooks/openedx/filters", "{}", "", ""},
		"by name, without proof": {"/webhooks/in/openedx", event, "", ""},
	} {
		answer := post(t, door, c.path, "application/json", c.body, c.user, c.pass)
		if answer.Status != 401 || answer.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %q", name, answer.Status, answer.Body)
		}
	}
	for _, m := range door.Log.Await(t, "rejected.openedx.", 5) {
		if text := fmt.Sprint(m); strings.Contains(text, password) || strings.Contains(text, token) || strings.Contains(text, "Basic ") {
			t.Errorf("a proof is kept: %v", m.Header)
		}
	}
	if events := door.Log.Kept("events."); len(events) != 0 {
		t.Errorf("%d events taken", len(events))
	}
}

func TestMalformedEventsAre400(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, site(t, source.Ports{}))
	bodies := sourcetest.Garbage()
	bodies["bad type"] = strings.ReplaceAll(event, registration, "org.*")
	bodies["edrelay's own"] = strings.ReplaceAll(event, registration, relay.EventRosterCreated)
	for name, body := range bodies {
		for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", ""} {
			if answer := post(t, door, "/webhooks/openedx/events", contentType, body, "plugin", password); answer.Status != 400 {
				t.Errorf("%s as %q: %d %q", name, contentType, answer.Status, answer.Body)
			}
		}
	}
	if answer := post(t, door, "/webhooks/openedx/events", "text/xml", event, "plugin", password); answer.Status != 415 {
		t.Errorf("XML: %d", answer.Status)
	}
	if events := door.Log.Kept("events."); len(events) != 0 {
		t.Errorf("%d events taken", len(events))
	}
}

func TestUnknownTypesPassAndAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	door := sourcetest.Open(t, func(o *ingress.Options) { o.Metrics = registry }, site(t, source.Ports{}))
	post(t, door, "/webhooks/openedx/events", "application/json", event, "plugin", password)
	body := `{"some.new.Data": {"when": "2026-01-01 00:00:00", "x": NaN}, "event_metadata": {"event_type": "org.openedx.new.thing", "id": "1"}}`
	if answer := post(t, door, "/webhooks/openedx/events", "application/json", body, "plugin", password); answer.Status != 200 {
		t.Fatal(answer)
	}
	if m := door.Log.Kept("events.org.openedx.new.thing"); len(m) != 1 || string(m[0].Body) != `{"some.new.Data":{"when":"2026-01-01 00:00:00","x":null}}` {
		t.Errorf("%v", m)
	}
	const metric = `# HELP edrelay_ingress_unknown_types_total Events taken whose type the catalogue of Open edX doesn't know.
# TYPE edrelay_ingress_unknown_types_total counter
edrelay_ingress_unknown_types_total 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(metric), "edrelay_ingress_unknown_types_total"); err != nil {
		t.Error(err)
	}
}

func TestNothingIsAnswered2xxWithoutTheLog(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, site(t, source.Ports{}))
	door.Log.Fail(errors.New("no log"))
	answer := post(t, door, "/webhooks/openedx/events", "application/json", event, "plugin", password)
	if answer.Status != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", answer.Status, answer.Header)
	}
}

func TestTheSampleIsTakenAndSecretsAreShownNowhere(t *testing.T) {
	t.Parallel()
	for _, set := range []openedx.Settings{{Username: "plugin", Password: password}, {Token: "tok-77"}} {
		made, err := sourcetest.Make(openedx.Kind(), "openedx", set, source.Ports{})
		if err != nil {
			t.Fatal(err)
		}
		sample, err := made.Sample(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		door := sourcetest.Open(t, nil, made)
		if answer := door.Post(t, sample); answer.Status != 200 || len(door.Log.Kept("events.io.edrelay.source.tested.v1")) != 1 {
			t.Errorf("%+v", answer)
		}
		shown := fmt.Sprintf("%v %+v %#v %+v", made, made, made, made.Describe())
		if strings.Contains(shown, password) || strings.Contains(shown, "tok-77") || strings.Contains(sample.Path, "tok-77") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
}

func TestSettingsWithoutProofAreRefused(t *testing.T) {
	t.Parallel()
	for _, set := range []openedx.Settings{{}, {Username: "a"}, {Password: "b"}, {Username: "a:b", Password: "c"}, {Username: "a", Token: "t"}} {
		if _, err := sourcetest.Make(openedx.Kind(), "openedx", set, source.Ports{}); err == nil {
			t.Errorf("%q is accepted", set.Username)
		}
	}
}

// asked answers every question and keeps it.
type asked struct {
	reply relay.Message
	err   error
	got   chan relay.Message
}

func (a asked) Request(_ context.Context, _ string, m relay.Message) (relay.Message, error) {
	a.got <- m
	return a.reply, a.err
}

const call = `{"user": {"id": 4, "password": "pbkdf2_sha256$1$salt$hash", "username": "ana"}, "course_key": "course-v1:A+B+C", "mode": "audit", ` +
	`"event_metadata": {"event_type": "CourseEnrollmentStarted", "time": "2026-11-21 20:35:29.108771"}}`

func TestAFilterCallIsAskedOnItsSubjectWithoutSecrets(t *testing.T) {
	t.Parallel()
	ask := asked{reply: relay.Message{Body: []byte(`{"data":{"mode":"honor"}}`)}, got: make(chan relay.Message, 8)}
	door := sourcetest.Open(t, nil, site(t, source.Ports{Ask: ask}))
	for _, path := range []string{"/webhooks/openedx/filters", "/webhooks/openedx/filters/" + url.PathEscape(token), "/webhooks/in/openedx"} {
		answer := post(t, door, path, "application/json", call, "plugin", password)
		if answer.Status != 200 || strings.ReplaceAll(answer.Body, " ", "") != `{"data":{"mode":"honor"}}` || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %+v", path, answer)
		}
		m := <-ask.got
		if m.Subject != "filters.CourseEnrollmentStarted" || string(m.Body) != `{"user":{"id":4,"username":"ana"},"course_key":"course-v1:A+B+C","mode":"audit"}` ||
			m.Header[webfilter.HeaderTime] != "2026-11-21 20:35:29.108771" {
			t.Errorf("%+v %s", m, m.Body)
		}
	}
	misspelt := "url=%2Fverify&event_metadata_event_type=IdvPageUrlRequested&event_metadata_time=2026-11-21+20%3A35%3A29"
	post(t, door, "/webhooks/openedx/filters", "application/x-www-form-urlencoded", misspelt, "plugin", password)
	if m := <-ask.got; m.Subject != "filters.IDVPageURLRequested" || m.Header[webfilter.HeaderName] != "IdvPageUrlRequested" || string(m.Body) != `{"url":"/verify"}` {
		t.Errorf("%+v %s", m, m.Body)
	}
	if kept := door.Log.Kept(""); len(kept) != 0 {
		t.Errorf("%d messages kept", len(kept))
	}
}

func TestAFilterCallAlwaysGetsAnObject(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]source.Asker{
		"nobody there": nil,
		"no answer":    asked{err: context.DeadlineExceeded, got: make(chan relay.Message, 1)},
		"an array":     asked{reply: relay.Message{Body: []byte(`[1]`)}, got: make(chan relay.Message, 1)},
		"no JSON":      asked{reply: relay.Message{Body: []byte(`oops`)}, got: make(chan relay.Message, 1)},
	} {
		door := sourcetest.Open(t, nil, site(t, source.Ports{Ask: ask}))
		answer := post(t, door, "/webhooks/openedx/filters", "application/json", call, "plugin", password)
		if answer.Status != 200 || answer.Body != "{}" {
			t.Errorf("%s: %+v", name, answer)
		}
		if answer = post(t, door, "/webhooks/openedx/filters", "application/json", `{"user": {}}`, "plugin", password); answer.Status != 400 {
			t.Errorf("%s: a call without a name: %+v", name, answer)
		}
	}
}

func TestTheKindIsInTheList(t *testing.T) {
	t.Parallel()
	for _, kind := range ingress.Kinds() {
		if kind.Name == "openedx" {
			return
		}
	}
	t.Error("it is not")
}
