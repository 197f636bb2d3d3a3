package lmssim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

const lernitoPath = "/lernito/webhook/"

func sign(key, canonical string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(canonical))
	return hex.EncodeToString(mac.Sum(nil))
}

// lernito sends a body signed over its canonical form.
func (p *platform) lernito(body, canonical string) answer {
	p.t.Helper()
	return p.do("POST", lernitoPath, "application/json", body, "X-Lernito-Signature", sign("key", canonical))
}

// lernitoBody is a body that is canonical already, in the compact form.
func lernitoBody(courses, email string) string {
	return `{"courseIds":` + courses + `,"email":"` + email + `","family":"Last","name":"First","username":"u"}`
}

func TestLernitoAcceptsTheCanonicalFormsThatItIsSetTo(t *testing.T) {
	t.Parallel()
	wire := `{"username":"testuser", "email":"test@example.com","name":"Test","family":"User","courseIds":["course-v1:edX+DemoX+Demo_Course"]}`
	for form, want := range map[lmssim.Form][2]int{"": {200, 401}, lmssim.Compact: {200, 401}, lmssim.Spaced: {401, 200}, lmssim.Either: {200, 200}} {
		p := newPlatform(t, lmssim.Settings{LernitoSecret: "123456", LernitoForm: form})
		p.must(p.AddCourse(lmssim.Course{Key: "course-v1:edX+DemoX+Demo_Course"}))
		for i, signature := range []string{
			"39b3cf39391ecbd9635359cafd89e508da724584b11b59a521088bfec80f158e", // published, compact
			"0a48a78817b613abdc3d094ca2a7ba59bddfe6d5535c99a00eefc73a6b26e64f", // published, spaced
		} {
			for _, path := range []string{lernitoPath, "/api/lernito/webhook/"} {
				if a := p.do("POST", path, "application/json", wire, "X-Lernito-Signature", signature); a.status != want[i] {
					t.Errorf("%q %d %s: %d %s", form, i, path, a.status, a.body)
				}
			}
		}
	}
}

func TestLernitoSignsTheParsedValue(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{LernitoSecret: "key"})
	tail := `,"family":"Last","name":`
	for wire, canonical := range map[string]string{
		`"Zo` + "\u00eb" + ` 🎓"`: `"Zo\u00eb \ud83c\udf93"`,
		`"<\/>\u007f"`:           `"</>\u007f"`,
		`1E5`:                    `100000.0`,
		`1.10`:                   `1.1`,
	} {
		head := `{"courseIds":["` + course + `"],"email":"a@x.example"` + tail
		a := p.lernito(head+wire+`,"username":"u"}`, head+canonical+`,"username":"u"}`)
		if a.status != 200 {
			t.Errorf("%s: %d %s", wire, a.status, a.body)
		}
	}
}

func TestLernitoAnswersInTheOrderOfTheContract(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{LernitoSecret: "key"})
	good := lernitoBody(`["`+course+`"]`, "a@x.example")
	fine := sign("key", good)
	for name, c := range map[string]struct {
		contentType, body, signature string
		status                       int
		want                         string
	}{
		"media type":       {"text/plain", good, fine, 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`},
		"broken, unsigned": {"application/json", `{`, "", 400, `{"detail":"JSON parse error - `},
		"BOM":              {"application/json", "\ufeff" + good, fine, 400, `{"detail":"JSON parse error - `},
		"unsigned":         {"application/json", good, "", 401, `{"success":false,"message":"Invalid signature"}`},
		"upper case":       {"application/json", good, strings.ToUpper(fine), 401, `{"success":false`},
		"prefixed":         {"application/json", good, "sha256=" + fine, 401, `{"success":false`},
		"no ASCII":         {"application/json", good, "\u00e4", 500, `<!doctype html>`},
		"empty body":       {"application/json", "", fine, 401, `{"success":false`},
		"empty, signed":    {"application/json", "", sign("key", "{}"), 400, `{"success":false,"message":{"courseIds":["This field is required."]`},
		"good":             {"application/json; charset=utf-8", good, fine, 200, `{"success":true`},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.do("POST", lernitoPath, c.contentType, c.body, "X-Lernito-Signature", c.signature)
			if a.status != c.status || !strings.HasPrefix(string(a.body), c.want) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if a := p.do("GET", lernitoPath, "", ""); a.status != 405 || a.header.Get("Allow") != "POST, OPTIONS" || string(a.body) != `{"detail":"Method \"GET\" not allowed."}` {
		t.Errorf("GET: %d %s", a.status, a.body)
	}
	if a := p.do("OPTIONS", lernitoPath, "", ""); a.status != 200 {
		t.Errorf("OPTIONS: %d", a.status)
	}
	if a := p.do("POST", lernitoPath, "application/json", good, "X-Lernito-Signature", fine, "Authorization", "JWT x"); a.status != 401 || strings.Contains(string(a.body), "success") {
		t.Errorf("bad JWT: %d %s", a.status, a.body)
	}
	p.must(p.Configure(lmssim.Settings{}))
	if a := p.lernito(good, good); a.status != 401 {
		t.Errorf("no secret set: %d", a.status)
	}
}

func TestLernitoValidatesFieldsThenCourses(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{LernitoSecret: "key"})
	long := strings.Repeat("x", 256)
	for name, c := range map[string]struct{ body, want string }{
		"nothing":    {`{}`, `{"courseIds":["This field is required."],"email":["This field is required."],"family":["This field is required."],"name":["This field is required."],"username":["This field is required."]}`},
		"bad email":  {lernitoBody(`["`+course+`"]`, "a@"), `{"email":["Enter a valid email address."]}`},
		"no courses": {lernitoBody(`[]`, "a@x.example"), `{"non_field_errors":["At least one courseId must be provided"]}`},
		"text":       {lernitoBody(`"x"`, "a@x.example"), `{"courseIds":["Expected a list of items but got type \"str\"."]}`},
		"blank":      {lernitoBody(`[""]`, "a@x.example"), `{"courseIds":{"0":["This field may not be blank."]}}`},
		"a list":     {`[]`, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		"types": {`{"courseIds":["` + course + `",true],"email":null,"family":"` + long + `","name":" ","username":false}`,
			`{"courseIds":{"1":["Not a valid string."]},"email":["This field may not be null."],"family":["Ensure this field has no more than 255 characters."],"name":["This field may not be blank."],"username":["Not a valid string."]}`},
		"bad key":        {lernitoBody(`["`+course+`","nonsense"]`, "a@x.example"), `"Invalid course key format: nonsense"`},
		"unknown course": {lernitoBody(`["`+course+`","course-v1:a+b+c"]`, "a@x.example"), `"Course course-v1:a+b+c does not exist"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.lernito(c.body, c.body)
			if a.status != 400 || string(a.body) != `{"success":false,"message":`+c.want+`}` {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if n := len(p.State().Allowances); n != 0 {
		t.Errorf("%d allowances", n)
	}
}

func TestLernitoEnrolsOrAllows(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{LernitoSecret: "key"})
	p.learner("here@x.example")
	p.addUser(lmssim.User{Email: "idle@x.example"})
	p.must(p.SetAllowance(lmssim.Allowance{Email: "new@x.example", Course: course}))
	twice := `["` + course + `","` + course + `"]`
	for email, want := range map[string]string{
		"here@x.example": "User enrollment status verified for 2 course(s)",
		"idle@x.example": "User enrollment status verified for 2 course(s)",
		"new@x.example":  "Enrollment allowance verified for 2 course(s)",
	} {
		for range 2 {
			body := lernitoBody(twice, email)
			if a := p.lernito(body, body); a.status != 200 || string(a.body) != `{"success":true,"message":"`+want+`"}` {
				t.Errorf("%s: %d %s", email, a.status, a.body)
			}
		}
	}
	state := p.State()
	if len(state.Enrollments) != 2 || len(state.Allowances) != 1 || !state.Allowances[0].AutoEnroll || len(p.Mails()) != 0 {
		t.Errorf("%+v", state)
	}
}

func TestLernitoFailsForTwoAccountsOfOneAddress(t *testing.T) {
	t.Parallel()
	p := newPlatformWith(t, lmssim.Options{CaseSensitive: true, Settings: lmssim.Settings{LernitoSecret: "key"}})
	p.addUser(lmssim.User{Username: "one", Email: "same@x.example", Active: true})
	p.addUser(lmssim.User{Username: "two", Email: "Same@x.example", Active: true})
	body := lernitoBody(`["`+course+`"]`, "same@x.example")
	if a := p.lernito(body, body); a.status != 500 || string(a.body) != `{"success":false,"message":"Internal server error"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestLernitoTakesForms(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{LernitoSecret: "key"})
	form := url.Values{"email": {"a@x.example"}, "name": {"n"}, "family": {"f"}, "username": {"u"}, "courseIds": {course}}
	canonical := `{"courseIds":"` + course + `","email":"a@x.example","family":"f","name":"n","username":"u"}`
	if a := p.form(lernitoPath, form, "X-Lernito-Signature", sign("key", canonical)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
