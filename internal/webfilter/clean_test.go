package webfilter

import (
	"slices"
	"strings"
	"testing"
)

const (
	login   = `{"event_metadata":{"event_type":"StudentLoginRequested"}}`
	signup  = `{"email":"a@b.c","name":"A","gender":"","terms_of_service":"true","favourite":"","event_metadata":{"event_type":"StudentRegistrationRequested"}}`
	certify = `{"user":{"first_name":"A"},"course_key":"course-v1:a+b+c","mode":"honor","status":null,"grade":{"percent":0.9,"passed":true,"letter_grade":"Pass"},"event_metadata":{"event_type":"CertificateCreationRequested"}}`
)

func page(class string) string {
	return `{"context":{"a":1},"template_name":"t.html","event_metadata":{"event_type":"` + class + `"}}`
}

func TestAnswersAreCleaned(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, asked, answer, want string
		dropped                   string // paths, joined
	}{
		{"mode and course", enrollment, `{"data":{"mode":"honor","course_key":"course-v1:a+b+c"}}`, `{"data":{"mode":"honor","course_key":"course-v1:a+b+c"}}`, ""},
		{"mode null", enrollment, `{"data":{"mode":null}}`, `{"data":{"mode":null}}`, ""},
		{"mode a number", enrollment, `{"data":{"mode":5}}`, `{}`, "data.mode"},
		{"old course key", enrollment, `{"data":{"course_key":"O/C/R"}}`, `{"data":{"course_key":"O/C/R"}}`, ""},
		{"bad course key", enrollment, `{"data":{"course_key":"no key"}}`, `{}`, "data.course_key"},
		{"null course key", enrollment, `{"data":{"course_key":null}}`, `{}`, "data.course_key"},
		{"identity of the user", enrollment, `{"data":{"user":{"is_superuser":true,"is_staff":true,"password":"x","email":"e@x.y","username":"u","id":1,"is_active":true,"first_name":"Mia"}}}`, `{"data":{"user":{"first_name":"Mia"}}}`, "data.user.is_superuser data.user.is_staff data.user.password data.user.email data.user.username data.user.id data.user.is_active"},
		{"identity of the profile", enrollment, `{"data":{"profile":{"user_id":1,"country":"CA"}}}`, `{"data":{"profile":{"country":"CA"}}}`, "data.profile.user_id"},
		{"unknown field of the user", enrollment, `{"data":{"user":{"nosuch":1}}}`, `{}`, "data.user.nosuch"},
		{"user is no object", enrollment, `{"data":{"user":"mia"}}`, `{}`, "data.user"},
		{"year that is no number", enrollment, `{"data":{"profile":{"year_of_birth":"x","name":null}}}`, `{}`, "data.profile.year_of_birth data.profile.name"},
		{"text longer than its column", enrollment, `{"data":{"profile":{"country":"Canada"}}}`, `{}`, "data.profile.country"},
		{"NUL in a text", enrollment, `{"data":{"user":{"first_name":"a\u0000b"}}}`, `{}`, "data.user.first_name"},
		{"unknown key", enrollment, `{"data":{"nosuch":1}}`, `{}`, "data.nosuch"},
		{"user who is not there", login, `{"data":{"user":{"first_name":"x"}}}`, `{}`, "data.user.first_name"},
		{"context null", page("DashboardRenderStarted"), `{"data":{"context":null}}`, `{}`, "data.context"},
		{"context", page("DashboardRenderStarted"), `{"data":{"context":{"b":[{"id":3}]},"template_name":"x.html"}}`, `{"data":{"context":{"b":[{"id":3}]},"template_name":"x.html"}}`, ""},
		{"identity in a context", page("CourseAboutRenderStarted"), `{"data":{"context":{"user":{"is_staff":true,"x":1}}}}`, `{"data":{"context":{"user":{"x":1}}}}`, "data.context.user.is_staff"},
		{"template null", page("InstructorDashboardRenderStarted"), `{"data":{"template_name":null,"other":1}}`, `{}`, "data.template_name data.other"},
		{"a script for a URL", `{"url":"/v","event_metadata":{"event_type":"IDVPageURLRequested"}}`, `{"data":{"url":"javascript:alert(1)"}}`, `{}`, "data.url"},
		{"a URL", `{"url":"/v","event_metadata":{"event_type":"IdvPageUrlRequested"}}`, `{"data":{"url":"https://x.example/v"}}`, `{"data":{"url":"https://x.example/v"}}`, ""},
		{"queryset", `{"schedules":"q","event_metadata":{"event_type":"ScheduleQuerySetRequested"}}`, `{"data":{"filter":{"a":1}}}`, `{}`, "data.filter"},
		{"form fields", signup, `{"data":{"form_data":{"name":"B","gender":"f","favourite":true,"city":"X"}}}`, `{"data":{"form_data":{"name":"B","gender":"f","favourite":"true","city":"X"}}}`, ""},
		{"form fields that fail", signup, `{"data":{"form_data":{"gender":"q","level_of_education":"phd","terms_of_service":"maybe","email":"x@y.z","nosuch":"1","name":{"a":1}}}}`, `{}`, "data.form_data.gender data.form_data.level_of_education data.form_data.terms_of_service data.form_data.email data.form_data.nosuch data.form_data.name"},
		{"grade", certify, `{"data":{"grade":{"passed":false,"percent":0.5,"letter_grade":"C","nosuch":1,"_x":1},"status":"downloadable"}}`, `{"data":{"grade":{"passed":"false","percent":0.5,"letter_grade":"C"},"status":"downloadable"}}`, "data.grade.nosuch data.grade._x"},
		{"exception as text", enrollment, `{"exception":{"PreventEnrollment":"stop"}}`, `{"exception":{"PreventEnrollment":{"message":"stop"}}}`, ""},
		{"exception as empty object", enrollment, `{"exception":{"PreventEnrollment":{}}}`, `{"exception":{"PreventEnrollment":{}}}`, ""},
		{"exception null", enrollment, `{"exception":{"PreventEnrollment":null}}`, `{"exception":{"PreventEnrollment":{"message":"Reason not specified"}}}`, ""},
		{"exception of another filter", enrollment, `{"exception":{"PreventLogin":"x"}}`, `{}`, "exception.PreventLogin"},
		{"unknown constructor field", login, `{"exception":{"PreventLogin":{"message":"m","zzz":1,"status_code":403,"error_code":"e"}}}`, `{"exception":{"PreventLogin":{"message":"m","error_code":"e"}}}`, "exception.PreventLogin.zzz exception.PreventLogin.status_code"},
		{"constructor that takes any field", enrollment, `{"exception":{"PreventEnrollment":{"message":"m","why":"x","status_code":403}}}`, `{"exception":{"PreventEnrollment":{"message":"m","why":"x","status_code":403}}}`, ""},
		{"redirect without a target", page("DashboardRenderStarted"), `{"exception":{"RedirectToPage":"m"}}`, `{"exception":{"RedirectToPage":{"message":"m","redirect_to":""}}}`, ""},
		{"redirect to a script", page("DashboardRenderStarted"), `{"exception":{"RedirectToPage":{"redirect_to":"javascript:x"}}}`, `{"exception":{"RedirectToPage":{"redirect_to":""}}}`, "exception.RedirectToPage.redirect_to"},
		{"custom response", page("DashboardRenderStarted"), `{"exception":{"RenderCustomResponse":{"content":"<p>","status":200,"zzz":1,"headers":{"X-A":"1"}}}}`, `{"exception":{"RenderCustomResponse":{"content":"<p>","status":200,"headers":{"X-A":"1"}}}}`, "exception.RenderCustomResponse.zzz"},
		{"custom response that Django refuses", page("DashboardRenderStarted"), `{"exception":{"RenderCustomResponse":{"content":"<p>","status":9,"charset":"klingon","content_type":"text/html","headers":{"content-type":"x"}}}}`, `{"exception":{"RenderCustomResponse":{"content":"<p>","content_type":"text/html","headers":{}}}}`, "exception.RenderCustomResponse.status exception.RenderCustomResponse.charset exception.RenderCustomResponse.headers.content-type"},
		{"custom response as text", page("DashboardRenderStarted"), `{"exception":{"RenderCustomResponse":"closed"}}`, `{"exception":{"RenderCustomResponse":{"content":"closed"}}}`, ""},
		{"data and exception together", enrollment, `{"data":{"mode":"honor"},"exception":{"PreventEnrollment":"x"}}`, `{"data":{"mode":"honor"},"exception":{"PreventEnrollment":{"message":"x"}}}`, ""},
		{"a filter added later", `{"x":1,"event_metadata":{"event_type":"CoursewareRedirectRequested"}}`, `{"data":{"x":2,"is_staff":true},"exception":{"PreventIt":{"message":"m","status_code":1},"bad name":1}}`, `{"data":{"x":2},"exception":{"PreventIt":{"message":"m"}}}`, "data.is_staff exception.PreventIt.status_code exception.bad name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			answer, _ := Decode("application/json", []byte(c.answer))
			cleaned, report := Clean(question(t, c.asked), answer, nil)
			if got := string(cleaned.JSON()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			var dropped []string
			for _, d := range report.Dropped {
				dropped = append(dropped, d.Path)
			}
			if got := strings.Join(dropped, " "); got != c.dropped {
				t.Errorf("dropped %q, want %q", got, c.dropped)
			}
		})
	}
}

func TestTimesMustBeReadableForPython(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"2026-01-02T03:04:05+00:00"`: true, `"2026-01-02 03:04:05"`: true, `"2026-01-02 03:04:05.123456+02:00"`: true, `"2026-01-02"`: true,
		`5`: false, `null`: false, `"soon"`: false, `"2026-13-02"`: false, `"2026-01-02T03:04:05.1"`: false, `"2026-01-02T03:04:05Z"`: false,
	} {
		answer, _ := Decode("", []byte(`{"data":{"user":{"date_joined":`+text+`}}}`))
		if cleaned, _ := Clean(question(t, enrollment), answer, []string{"date_joined"}); (cleaned.Data.Len() == 1) != want {
			t.Errorf("%s: %s", text, cleaned.JSON())
		}
	}
}

func TestIdentityIsSetOnlyWhenAllowedByNameOrPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allow []string
		want  string
	}{
		{nil, `{}`},
		{[]string{"email"}, `{"data":{"user":{"email":"n@x.y"}}}`},
		{[]string{"user.email"}, `{"data":{"user":{"email":"n@x.y"}}}`},
		{[]string{"profile.email", "user"}, `{}`},
		{[]string{"is_staff"}, `{"data":{"user":{"is_staff":true}}}`},
	} {
		answer, _ := Decode("", []byte(`{"data":{"user":{"email":"n@x.y","is_staff":true}}}`))
		if cleaned, _ := Clean(question(t, enrollment), answer, c.allow); string(cleaned.JSON()) != c.want {
			t.Errorf("%v: %s, want %s", c.allow, cleaned.JSON(), c.want)
		}
	}
}

// Where the plugin itself would fail to halt, the answer halts.
func TestEveryFilterThatHasAnExceptionHalts(t *testing.T) {
	t.Parallel()
	for _, filter := range catalogue(t).Filters() {
		halt, ok := Halt(filter, "no", "https://x.example/", 403)
		if ok != (len(filter.Exceptions) > 0) || ok != CanHalt(filter) {
			t.Errorf("%s: halts %v", filter.Class, ok)
			continue
		}
		if !ok {
			continue
		}
		e, known := filter.Exception(halt.Halts(filter))
		if !known || e.Broken {
			t.Errorf("%s: %s", filter.Class, halt.JSON())
		}
		r := Request{Filter: filter, Name: filter.Class}
		if cleaned, report := Clean(r, halt, nil); len(report.Dropped) > 0 || string(cleaned.JSON()) != string(halt.JSON()) {
			t.Errorf("%s: %s is not clean: %v", filter.Class, halt.JSON(), report.Dropped)
		}
		if takes := e.Takes("redirect_to"); takes != strings.Contains(string(halt.JSON()), "https://x.example/") {
			t.Errorf("%s: %s", filter.Class, halt.JSON())
		}
	}
	for _, class := range []string{"AccountSettingsRenderStarted", "InstructorDashboardRenderStarted"} {
		filter, _ := catalogue(t).Filter(class)
		answer, _ := Decode("", []byte(`{"exception":{"RenderCustomResponse":{"content":"x"}}}`))
		cleaned, report := Clean(Request{Filter: filter}, answer, nil)
		if name := cleaned.Halts(filter); name != filter.Halt || len(report.Dropped) != 1 {
			t.Errorf("%s: a custom response that the plugin can't raise becomes %s", class, cleaned.JSON())
		}
	}
}

func TestTheLaterAnswerWinsKeyByKey(t *testing.T) {
	t.Parallel()
	one, _ := Decode("", []byte(`{"data":{"mode":"a","user":{"first_name":"x"}},"exception":{"E":{"message":"one","code":1}}}`))
	two, _ := Decode("", []byte(`{"data":{"user":{"last_name":"y"}},"exception":{"E":"two"}}`))
	if got := string(one.Merge(two).JSON()); got != `{"data":{"mode":"a","user":{"last_name":"y"}},"exception":{"E":"two"}}` {
		t.Error(got)
	}
	if got := string((Answer{}).Merge(one).Merge(Answer{}).JSON()); got != string(one.JSON()) {
		t.Error(got)
	}
}

func TestAReportIsBounded(t *testing.T) {
	t.Parallel()
	var members []string
	for range 500 {
		members = append(members, `"`+strings.Repeat("k", 300+len(members))+`":1`)
	}
	answer, _ := Decode("", []byte(`{"data":{`+strings.Join(members, ",")+`}}`))
	_, report := Clean(question(t, enrollment), answer, nil)
	if len(report.Dropped) != maxDrops || slices.ContainsFunc(report.Dropped, func(d Drop) bool { return len(d.Path) > 130 }) {
		t.Errorf("%d drops", len(report.Dropped))
	}
}
