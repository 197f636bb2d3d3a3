package lernito_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/lernito"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

const (
	goodBody   = `{"email":"new@example.com","name":"Ada","family":"Lovelace","username":"ada","courseIds":["course-v1:o+c+r"]}`
	canonical  = `{"courseIds":["course-v1:o+c+r"],"email":"new@example.com","family":"Lovelace","name":"Ada","username":"ada"}`
	canonical2 = `{"courseIds": ["course-v1:o+c+r"], "email": "new@example.com", "family": "Lovelace", "name": "Ada", "username": "ada"}`
)

func mac(secret, text string) string {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(text))
	return hex.EncodeToString(sum.Sum(nil))
}

func sign(secret string, body []byte) source.Sample {
	return source.Sample{Path: "/api/lernito/webhook/", Body: body, Header: map[string]string{
		"Content-Type": "application/json", "X-Lernito-Signature": mac(secret, string(body))}}
}

func settings(secrets ...string) any {
	return lernito.Settings{Secrets: secrets, Wait: time.Second}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, sourcetest.Subject{
		Kind: lernito.Kind(), Settings: settings, Sign: sign, Body: []byte(goodBody),
		Unsign: func(sample source.Sample) source.Sample {
			delete(sample.Header, "X-Lernito-Signature")
			return sample
		},
		Good: http.StatusAccepted, Forged: http.StatusUnauthorized, Unsigned: http.StatusUnauthorized, Again: true,
	})
}

func sender(t testing.TB, secrets ...string) source.Source {
	t.Helper()
	made, err := sourcetest.Make(lernito.Kind(), "lernito", settings(secrets...), source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestTheSignatureOfEachFormVerifies(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, sender(t, "s"))
	for name, c := range map[string]struct {
		signature string
		status    int
	}{
		"compact":       {mac("s", canonical), 202},
		"spaced":        {mac("s", canonical2), 202},
		"raw":           {mac("s", goodBody), 202},
		"upper case":    {strings.ToUpper(mac("s", canonical)), 401},
		"with a prefix": {"sha256=" + mac("s", canonical), 401},
		"not ASCII":     {"ü" + mac("s", canonical), 401},
		"empty":         {"", 401},
		"unsorted":      {mac("s", strings.ReplaceAll(goodBody, ":", ": ")), 401},
	} {
		for _, path := range []string{"/api/lernito/webhook/", "/lernito/webhook/", "/lernito/webhook", "/webhooks/in/lernito"} {
			sample := sign("s", []byte(goodBody))
			sample.Path, sample.Header["X-Lernito-Signature"] = path, c.signature
			if answer := door.Post(t, sample); answer.Status != c.status {
				t.Errorf("%s at %s: %d, want %d", name, path, answer.Status, c.status)
			}
		}
	}
}

func TestPythonsEscapingAndNumbersAreSigned(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, sender(t, "s"))
	wire := `{"email":"a@example.com","name":"Zoë 🎓\u007f</&'","family":"x","username":"u","courseIds":["c"],` +
		`"n":[1.10,1E5,-0,-0.0,1e16,1.5e-7,12345678901234567890123,1e400],"a":{"b":null,"a":true},"\ud800":"\ud800","n":[1.10,1E5,-0,-0.0,1e16,1.5e-7]}`
	python := `{"\ud800":"\ud800","a":{"a":true,"b":null},"courseIds":["c"],"email":"a@example.com","family":"x","n":[1.1,100000.0,0,-0.0,1e+16,1.5e-07],` +
		`"name":"Zo\u00eb \ud83c\udf93\u007f</&'","username":"u"}`
	sample := sign("s", []byte(wire))
	sorted := `{"a":{"a":true,"b":null},"courseIds":["c"],"email":"a@example.com","family":"x","n":[1.1,100000.0,0,-0.0,1e+16,1.5e-07],` +
		`"name":"Zo\u00eb \ud83c\udf93\u007f</&'","username":"u","\ud800":"\ud800"}`
	sample.Header["X-Lernito-Signature"] = mac("s", sorted)
	if answer := door.Post(t, sample); answer.Status != 202 {
		t.Errorf("sorted by code point: %d", answer.Status)
	}
	sample.Header["X-Lernito-Signature"] = mac("s", python)
	if answer := door.Post(t, sample); answer.Status != 401 {
		t.Errorf("sorted otherwise: %d", answer.Status)
	}
}

func TestThePublishedSampleVerifies(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, sender(t, "123456"))
	body := []byte(`{"username":"testuser","courseIds":["course-v1:edX+DemoX+Demo_Course"],"email":"test@example.com","name":"Test","family":"User"}`)
	for _, signature := range []string{"0a48a78817b613abdc3d094ca2a7ba59bddfe6d5535c99a00eefc73a6b26e64f",
		"39b3cf39391ecbd9635359cafd89e508da724584b11b59a521088bfec80f158e"} {
		sample := source.Sample{Path: "/lernito/webhook/", Body: body,
			Header: map[string]string{"Content-Type": "application/json", "X-Lernito-Signature": signature}}
		if answer := door.Post(t, sample); answer.Status != 202 {
			t.Errorf("%s: %d", signature, answer.Status)
		}
	}
}

func same(t *testing.T, got, want string) bool {
	t.Helper()
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return false
	}
	left, _ := json.Marshal(a)
	right, _ := json.Marshal(b)
	return bytes.Equal(left, right)
}

func TestFieldsAreJudgedAsTheContractSays(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, sender(t, "s"))
	good := map[string]string{"email": `"a@example.com"`, "name": `"n"`, "family": `"f"`, "username": `"u"`, "courseIds": `["c"]`}
	for name, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"nothing": {map[string]string{"email": "", "name": "", "family": "", "username": "", "courseIds": ""},
			`{"email":["This field is required."],"name":["This field is required."],"family":["This field is required."],` +
				`"username":["This field is required."],"courseIds":["This field is required."]}`},
		"address":      {map[string]string{"email": `"nobody"`}, `{"email":["Enter a valid email address."]}`},
		"two learners": {map[string]string{"email": `"\"a,b\"@example.com"`}, `{"email":["Enter a valid email address."]}`},
		"address null": {map[string]string{"email": `null`}, `{"email":["This field may not be null."]}`},
		"blank name":   {map[string]string{"name": `"  "`}, `{"name":["This field may not be blank."]}`},
		"boolean":      {map[string]string{"family": `true`}, `{"family":["Not a valid string."]}`},
		"long":         {map[string]string{"username": `"` + strings.Repeat("é", 256) + `"`}, `{"username":["Ensure this field has no more than 255 characters."]}`},
		"NUL":          {map[string]string{"name": `"a\u0000b"`}, `{"name":["Null characters are not allowed."]}`},
		"surrogate":    {map[string]string{"name": `"a\ud800b"`}, `{"name":["Surrogate characters are not allowed: U+D800."]}`},
		"empty list":   {map[string]string{"courseIds": `[]`}, `{"non_field_errors":["At least one courseId must be provided"]}`},
		"list is text": {map[string]string{"courseIds": `"c"`}, `{"courseIds":["Expected a list of items but got type \"str\"."]}`},
		"list is int":  {map[string]string{"courseIds": `5`}, `{"courseIds":["Expected a list of items but got type \"int\"."]}`},
		"list is dict": {map[string]string{"courseIds": `{}`}, `{"courseIds":["Expected a list of items but got type \"dict\"."]}`},
		"list is null": {map[string]string{"courseIds": `null`}, `{"courseIds":["This field may not be null."]}`},
		"blank course": {map[string]string{"courseIds": `[""]`}, `{"courseIds":{"0":["This field may not be blank."]}}`},
		"odd course":   {map[string]string{"courseIds": `["c",null,[]]`}, `{"courseIds":{"1":["This field may not be null."],"2":["Not a valid string."]}}`},
	} {
		fields := []string{}
		for key, text := range good {
			if changed, is := c.change[key]; is {
				text = changed
			}
			if text != "" {
				fields = append(fields, `"`+key+`":`+text)
			}
		}
		answer := door.Post(t, sign("s", []byte("{"+strings.Join(fields, ",")+"}")))
		if want := `{"success":false,"message":` + c.want + `}`; answer.Status != 400 || !same(t, answer.Body, want) {
			t.Errorf("%s: %d %s, want %s", name, answer.Status, answer.Body, want)
		}
	}
	for body, want := range map[string]string{
		`[]`:     `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`,
		`"text"`: `{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}`,
		`1.5`:    `{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}`,
		`null`:   `{"non_field_errors":["No data provided"]}`,
	} {
		answer := door.Post(t, sign("s", []byte(body)))
		if want := `{"success":false,"message":` + want + `}`; answer.Status != 400 || !same(t, answer.Body, want) {
			t.Errorf("%s: %d %s, want %s", body, answer.Status, answer.Body, want)
		}
	}
	for _, body := range []string{`{"email":`, "\ufeff{}", `{"a":NaN}`, "{\"a\":\"\xff\"}"} {
		answer := door.Post(t, sign("s", []byte(body)))
		if answer.Status != 400 || !strings.HasPrefix(answer.Body, `{"detail":"JSON parse error - `) {
			t.Errorf("%q: %d %s", body, answer.Status, answer.Body)
		}
	}
	if kept := door.Log.Kept("webhooks."); len(kept) != 0 {
		t.Errorf("%d webhooks kept", len(kept))
	}
}

func TestMediaTypesAndMethods(t *testing.T) {
	t.Parallel()
	door := sourcetest.Open(t, nil, sender(t, "s"))
	sample := sign("s", []byte(goodBody))
	sample.Header["Content-Type"] = "text/plain"
	if answer := door.Post(t, sample); answer.Status != 415 || answer.Body != `{"detail":"Unsupported media type \"text/plain\" in request."}` {
		t.Errorf("text: %d %s", answer.Status, answer.Body)
	}
	for method, status := range map[string]int{"GET": 405, "PUT": 405, "DELETE": 405, "OPTIONS": 200} {
		request, err := http.NewRequest(method, door.URL+"/lernito/webhook/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer := sourcetest.Do(t, request)
		if answer.Status != status || answer.Header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: %d, Allow %q", method, answer.Status, answer.Header.Get("Allow"))
		}
		if status == 405 && answer.Body != `{"detail":"Method \"`+method+`\" not allowed."}` {
			t.Errorf("%s: %s", method, answer.Body)
		}
	}
}

func TestFormsAreUnderstood(t *testing.T) {
	t.Parallel()
	made := sender(t, "s")
	door := sourcetest.Open(t, nil, made)
	const signed = `{"courseIds":"b","email":"a@example.com","family":"f","name":"n","username":"u"}`
	fields := url.Values{"email": {"a@example.com"}, "name": {"n"}, "family": {"f"}, "username": {"u"}, "courseIds": {"a", "b"}}
	var parts bytes.Buffer
	writer := multipart.NewWriter(&parts)
	for key, list := range fields {
		for _, text := range list {
			if err := writer.WriteField(key, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = writer.Close()
	for media, body := range map[string]string{
		"application/x-www-form-urlencoded": fields.Encode(), writer.FormDataContentType(): parts.String()} {
		answer := door.Post(t, source.Sample{Path: "/lernito/webhook/", Body: []byte(body),
			Header: map[string]string{"Content-Type": media, "X-Lernito-Signature": mac("s", signed)}})
		if answer.Status != 202 {
			t.Errorf("%s: %d %s", media, answer.Status, answer.Body)
		}
	}
	for _, m := range door.Log.Await(t, "webhooks.lernito.enrollment", 2) {
		order, err := made.Read("enrollment", m.Header, m.Body)
		if err != nil || order.Direct == nil || strings.Join(order.Direct.Courses, " ") != "a b" {
			t.Errorf("%+v %v", order, err)
		}
	}
}

func TestAWebhookAsksForOneLearnerAndAllCourses(t *testing.T) {
	t.Parallel()
	body := `{"email":" a@example.com ","name":7,"family":"f","username":"u","courseIds":["x",8," y ","x"]}`
	order, err := sender(t, "s").Read("enrollment", nil, []byte(body))
	if err != nil || order.Intent != relay.IntentEnroll || order.ID == "" || order.Direct == nil {
		t.Fatalf("%+v %v", order, err)
	}
	if got := strings.Join(order.Direct.Courses, ","); got != "x,8,y,x" || order.Direct.Learner != "a@example.com" {
		t.Errorf("%q for %q", got, order.Direct.Learner)
	}
}

func TestTheSameBytesAreRefusedAfterTheReplayWindow(t *testing.T) {
	t.Parallel()
	made, err := sourcetest.Make(lernito.Kind(), "lernito", lernito.Settings{Secrets: []string{"s"}, ReplayWindow: time.Minute}, source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, c := range []struct {
		body string
		at   time.Duration
		ok   bool
	}{{"{}", 0, true}, {"{}", time.Minute, true}, {"{}", 61 * time.Second, false}, {"{ }", 61 * time.Second, true}} {
		r := &source.Request{Method: "POST", Path: "/lernito/webhook", Body: []byte(c.body), Received: began.Add(c.at),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Lernito-Signature": {mac("s", c.body)}}}
		if err := made.Verify(t.Context(), r); (err == nil) != c.ok {
			t.Errorf("%s after %s: %v", c.body, c.at, err)
		}
	}
}

// python writes a value as json.dumps(value, sort_keys=True) does, on its own: for comparison with the door's form.
func python(v any, comma, colon string) string {
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		parts := make([]string, len(keys))
		for i, key := range keys {
			parts[i] = python(key, comma, colon) + colon + python(v[key], comma, colon)
		}
		return "{" + strings.Join(parts, comma) + "}"
	case []any:
		parts := make([]string, len(v))
		for i, each := range v {
			parts[i] = python(each, comma, colon)
		}
		return "[" + strings.Join(parts, comma) + "]"
	case string:
		return pythonText(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	}
	return "null"
}

func pythonText(text string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		switch escaped, is := short[rune(unit)]; {
		case is:
			out.WriteString(escaped)
		case unit < 0x20 || unit > 0x7e:
			fmt.Fprintf(&out, `\u%04x`, unit)
		default:
			out.WriteByte(byte(unit))
		}
	}
	return `"` + out.String() + `"`
}

// values makes JSON values of what a sender could put into a webhook.
func values(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil)}
	if depth > 0 {
		inner := values(depth - 1)
		plain = append(plain, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 4).AsAny())
	}
	return rapid.OneOf(plain...)
}

func TestAnyValueVerifiesInTheFormThatPythonWrites(t *testing.T) {
	t.Parallel()
	made := sender(t, "s")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOfN(rapid.String(), values(3), 0, 6).Draw(t, "value")
		wire, err := json.MarshalIndent(value, " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range [][2]string{{",", ":"}, {", ", ": "}} {
			r := &source.Request{Method: "POST", Path: "/lernito/webhook", Body: wire, Header: http.Header{
				"Content-Type": {"application/json"}, "X-Lernito-Signature": {mac("s", python(map[string]any(value), form[0], form[1]))}}}
			if err := made.Verify(context.Background(), r); err != nil {
				t.Fatalf("%s: %v", wire, err)
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	made := sender(f, "s")
	f.Add([]byte(goodBody), "application/json")
	for _, body := range sourcetest.Garbage() {
		f.Add([]byte(body), "application/json")
	}
	f.Add([]byte("a=b&courseIds=c"), "application/x-www-form-urlencoded")
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--"), "multipart/form-data; boundary=x")
	f.Fuzz(func(t *testing.T, body []byte, media string) {
		r := &source.Request{Method: "POST", Path: "/lernito/webhook", Body: body, Received: time.Now(),
			Header: http.Header{"Content-Type": {media}, "X-Lernito-Signature": {mac("s", string(body))}}}
		if err := made.Verify(t.Context(), r); err != nil {
			if source.RefusalOf(err).Status != 415 {
				t.Errorf("rightly signed bytes are refused: %v", err)
			}
			return
		}
		if _, err := made.Accept(t.Context(), r); err != nil && source.RefusalOf(err).Status != 400 {
			t.Errorf("status %d", source.RefusalOf(err).Status)
		}
		sourcetest.CheckRead(t, made, "enrollment", body)
		r.Header.(http.Header).Set("X-Lernito-Signature", mac("wrong", string(body)))
		if err := made.Verify(t.Context(), r); err == nil {
			t.Error("forged bytes are verified")
		}
	})
}
