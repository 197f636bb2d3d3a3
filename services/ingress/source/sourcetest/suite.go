package sourcetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Subject is a kind under test.
type Subject struct {
	Kind     source.Kind
	Settings func(secrets ...string) any                    // the kind's settings struct
	Sign     func(secret string, body []byte) source.Sample // a request as its sender makes it
	Unsign   func(sample source.Sample) source.Sample       // the same without any proof
	Body     []byte                                         // a good one
	Good     int                                            // status of a good request
	Forged   int                                            // of a wrong proof
	Unsigned int                                            // of none
	Again    bool                                           // a repeat is worked again instead of being one message
}

const (
	secret      = "first-secret-9f1c"
	otherSecret = "second-secret-77ab"
)

// Run holds the kind to the suite.
func Run(t *testing.T, s Subject) {
	t.Helper()
	made, err := Make(s.Kind, "tested", s.Settings(secret, otherSecret), source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 1 << 20
	open := func(t *testing.T) *Door {
		t.Parallel()
		return Open(t, func(o *ingress.Options) { o.BodyLimit = limit }, made)
	}
	t.Run("good is kept byte for byte", func(t *testing.T) { s.good(t, open(t)) })
	t.Run("second secret", func(t *testing.T) {
		s.expect(t, open(t), s.Sign(otherSecret, s.Body), s.Good, 1, 0)
	})
	t.Run("tampered", func(t *testing.T) {
		sample := s.Sign(secret, s.Body)
		sample.Body = append([]byte(`{"a":1,`), sample.Body[1:]...)
		s.expect(t, open(t), sample, s.Forged, 0, 1)
	})
	t.Run("wrong secret", func(t *testing.T) { s.expect(t, open(t), s.Sign("wrong", s.Body), s.Forged, 0, 1) })
	t.Run("wrong secret and broken JSON", func(t *testing.T) {
		s.expect(t, open(t), s.Sign("wrong", []byte(`{"id":`)), s.Forged, 0, 1)
	})
	t.Run("unsigned", func(t *testing.T) {
		s.expect(t, open(t), s.Unsign(s.Sign(secret, s.Body)), s.Unsigned, 0, 1)
	})
	t.Run("replayed", func(t *testing.T) { s.replayed(t, open(t)) })
	t.Run("oversize", func(t *testing.T) {
		big := append([]byte(`{"x":"`), make([]byte, limit)...)
		s.expect(t, open(t), s.Sign(secret, big), http.StatusRequestEntityTooLarge, 0, 0)
	})
	t.Run("garbage", func(t *testing.T) { s.garbage(t, open(t)) })
	t.Run("by its name", func(t *testing.T) {
		sample := s.Sign(secret, s.Body)
		sample.Path = "/webhooks/in/tested/"
		s.expect(t, open(t), sample, s.Good, 1, 0)
	})
	t.Run("log away", func(t *testing.T) { s.away(t, open(t)) })
	t.Run("sample is taken", func(t *testing.T) { s.sample(t, made, open(t)) })
	t.Run("secret is in no error", func(t *testing.T) { s.silent(t, made) })
	t.Run("empty secret is refused", func(t *testing.T) { s.emptySecret(t) })
}

func (s Subject) expect(t *testing.T, d *Door, sample source.Sample, status, kept, rejected int) {
	t.Helper()
	answer := d.Post(t, sample)
	if answer.Status != status {
		t.Errorf("status %d, want %d; body %q", answer.Status, status, answer.Body)
	}
	if got := len(d.Log.Kept("webhooks.")); got != kept {
		t.Errorf("%d webhooks kept, want %d", got, kept)
	}
	if rejected > 0 {
		d.Log.Await(t, "rejected.tested.", rejected)
	}
	if got := len(d.Log.Kept("rejected.")); got != rejected {
		t.Errorf("%d rejected kept, want %d", got, rejected)
	}
}

func (s Subject) good(t *testing.T, d *Door) {
	sample := s.Sign(secret, s.Body)
	s.expect(t, d, sample, s.Good, 1, 0)
	m := d.Log.Kept("webhooks.tested.")[0]
	if string(m.Body) != string(sample.Body) {
		t.Error("the body on the log is not the body sent")
	}
	if m.Header["edrelay-source"] != "tested" || m.Header["edrelay-kind"] != s.Kind.Name || m.Header["traceparent"] == "" {
		t.Errorf("headers %v", m.Header)
	}
	if _, err := s.read(t, m.Header["edrelay-topic"], m.Header, m.Body); err != nil {
		t.Errorf("the webhook can't be read: %v", err)
	}
}

func (s Subject) read(t *testing.T, topic string, header map[string]string, body []byte) (any, error) {
	made, err := Make(s.Kind, "tested", s.Settings(secret), source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Read(topic, header, body)
}

func (s Subject) replayed(t *testing.T, d *Door) {
	want := 1
	if s.Again {
		want = 2
	}
	d.Post(t, s.Sign(secret, s.Body))
	s.expect(t, d, s.Sign(secret, s.Body), s.Good, want, 0)
}

// Garbage gives bodies that a stranger, or a shop with a defect, could send.
func Garbage() map[string]string {
	return map[string]string{
		"empty": "", "space": " ", "array": "[]", "null": "null", "number": "1", "text": `"x"`, "true": "true",
		"NaN": "NaN", "NaN inside": `{"id":NaN}`, "cut": `{"id":1,"line_items":[{`, "two": `{"id":1}{"id":2}`,
		"BOM": "\ufeff{\"id\":1}", "invalid UTF-8": "{\"id\":1,\"name\":\"\xff\xfe\"}", "control": "{\"id\":1,\"a\":\"\x00\"}",
		"no fields": "{}", "id null": `{"id":null}`, "id text": `{"id":"abc"}`, "id huge": `{"id":1e999}`,
		"id long": `{"id":` + strings.Repeat("9", 5000) + `}`, "id negative": `{"id":-5}`, "id fraction": `{"id":1.5}`,
		"lines text": `{"id":1,"line_items":"abc"}`, "lines null": `{"id":1,"line_items":null}`,
		"lines of null": `{"id":1,"line_items":[null]}`, "lines of numbers": `{"id":1,"line_items":[1,2]}`,
		"deep":       `{"id":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`,
		"many lines": `{"id":1,"status":"x","line_items":[` + strings.Repeat(`{"sku":"a"},`, 9999) + `{"sku":null}]}`,
		"odd types": `{"id":1,"customer":[],"billing":7,"email":{},"courseIds":{},"line_items":[{"sku":{},"quantity":[],` +
			`"properties":{"email":1e999},"meta_data":[null,1,{"value":[[]]},{"value":[{"type":"email","_value":{}}]}]}]}`,
		"twice": `{"id":1,"id":"x","line_items":[],"line_items":7}`,
	}
}

func (s Subject) garbage(t *testing.T, d *Door) {
	for name, body := range Garbage() {
		answer := d.Post(t, s.Sign(secret, []byte(body)))
		if answer.Status != s.Good && (answer.Status < 400 || answer.Status >= 500) {
			t.Errorf("%s: status %d, want %d or a refusal; body %q", name, answer.Status, s.Good, answer.Body)
		}
		isObject := json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimSpace(body), "{")
		if !isObject && answer.Status < 400 {
			t.Errorf("%s: status %d for what is no JSON object", name, answer.Status)
		}
	}
	for _, m := range d.Log.Kept("webhooks.") {
		if _, err := s.read(t, m.Header["edrelay-topic"], m.Header, m.Body); err != nil && strings.Contains(err.Error(), "@") {
			t.Errorf("error %q", err)
		}
	}
}

func (s Subject) away(t *testing.T, d *Door) {
	d.Log.Fail(fmt.Errorf("no log"))
	answer := d.Post(t, s.Sign(secret, s.Body))
	if answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("status %d with Retry-After %q, want 503", answer.Status, answer.Header.Get("Retry-After"))
	}
	d.Log.Fail(nil)
	s.expect(t, d, s.Sign(secret, s.Body), s.Good, 1, 0)
}

func (s Subject) sample(t *testing.T, made source.Source, d *Door) {
	sample, err := made.Sample(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if sample.Works != 0 {
		s.expect(t, d, sample, sample.Works, 0, 1)
		return
	}
	s.expect(t, d, sample, s.Good, 1, 0)
}

func (s Subject) silent(t *testing.T, made source.Source) {
	header := http.Header{}
	sample := s.Sign("wrong", s.Body)
	for name, value := range sample.Header {
		header.Set(name, value)
	}
	r := &source.Request{Method: http.MethodPost, Path: sample.Path, Header: header, Body: sample.Body, Received: time.Now(),
		Query: func(string) string { return "" }}
	said := fmt.Sprintf("%v %+v %#v %v", made.Verify(context.Background(), r), made, made.Describe(), maps.Clone(sample.Header))
	if strings.Contains(said, secret) || strings.Contains(said, otherSecret) {
		t.Error("a secret is in an error or in what is shown")
	}
}

func (s Subject) emptySecret(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {"a", ""}} {
		if _, err := Make(s.Kind, "tested", s.Settings(secrets...), source.Ports{}); err == nil {
			t.Errorf("secrets %q are accepted", secrets)
		}
	}
}
