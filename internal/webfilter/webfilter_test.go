package webfilter

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
)

func catalogue(t testing.TB) *openedx.Catalogue {
	t.Helper()
	c, err := openedx.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const enrollment = `{"user": {"id": 7, "password": "pbkdf2_sha256$600000$salt$aGFzaA==", "username": "mia", "email": "mia@example.org",
 "first_name": "", "is_staff": false, "is_superuser": false, "is_active": true, "last_login": null, "date_joined": "2024-05-06 07:08:09+00:00"},
 "profile": {"id": 3, "user_id": 7, "name": "Mía", "country": null, "year_of_birth": null},
 "course_key": "course-v1:Uni+Math+2026", "mode": "audit",
 "event_metadata": {"event_type": "CourseEnrollmentStarted", "time": "2026-03-01 09:00:00.000001"}}`

func parsed(t testing.TB, contentType, body string) Request {
	t.Helper()
	r, err := Parse(catalogue(t), contentType, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func question(t testing.TB, body string) Request { return parsed(t, "application/json", body) }

func TestWhatIsAskedGoesOnAsThePluginWritesItWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := question(t, enrollment)
	contentType, body := Encode(r, relay.FormatPluginJSON, time.Now())
	want := `{"user": {"id": 7, "username": "mia", "email": "mia@example.org", "first_name": "", "is_staff": false, "is_superuser": false, "is_active": true, "last_login": null, "date_joined": "2024-05-06 07:08:09+00:00"}, "profile": {"id": 3, "user_id": 7, "name": "M\u00eda", "country": null, "year_of_birth": null}, "course_key": "course-v1:Uni+Math+2026", "mode": "audit", "event_metadata": {"event_type": "CourseEnrollmentStarted", "time": "2026-03-01 09:00:00.000001"}}`
	if string(body) != want || contentType != "application/json" {
		t.Errorf("%s\n%s", contentType, body)
	}
	contentType, body = Encode(r, relay.FormatPluginForm, time.Now())
	want = "user_id=7&user_username=mia&user_email=mia%40example.org&user_first_name=&user_is_staff=False&user_is_superuser=False&user_is_active=True&user_last_login=None&user_date_joined=2024-05-06+07%3A08%3A09%2B00%3A00&profile_id=3&profile_user_id=7&profile_name=M%C3%ADa&profile_country=None&profile_year_of_birth=None&course_key=course-v1%3AUni%2BMath%2B2026&mode=audit&event_metadata_event_type=CourseEnrollmentStarted&event_metadata_time=2026-03-01+09%3A00%3A00.000001"
	if string(body) != want || contentType != "application/x-www-form-urlencoded" {
		t.Errorf("%s\n%s", contentType, body)
	}
}

func TestAFormIsTheSameQuestion(t *testing.T) {
	t.Parallel()
	contentType, form := Encode(question(t, enrollment), relay.FormatPluginForm, time.Now())
	_, again := Encode(parsed(t, contentType+"; charset=utf-8", string(form)), relay.FormatPluginForm, time.Now())
	if string(again) != string(form) {
		t.Errorf("%s\n%s", form, again)
	}
	r := parsed(t, contentType, "target_cohort_name=a&user_password=x&user_profile_name=b&user_is_staff=False&course_key=k&event_metadata_event_type=CohortAssignmentRequested")
	_, body := Encode(r, relay.FormatPluginJSON, time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC))
	if want := `{"target_cohort": {"name": "a"}, "user": {"is_staff": false}, "user_profile": {"name": "b"}, "course_key": "k", "event_metadata": {"event_type": "CohortAssignmentRequested", "time": "2026-01-02 03:04:05.000006"}}`; string(body) != want {
		t.Errorf("%s", body)
	}
}

func TestSecretsNeverLeaveWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"user":{"Password":"leak"},"event_metadata":{"event_type":"StudentLoginRequested"}}`,
		`{"context":{"a":[{"deep":{"new_password1":"leak","api_token":"leak"}}]},"event_metadata":{"event_type":"DashboardRenderStarted"}}`,
		`{"password":"leak","confirm_password":"leak","email":"a@b.c","event_metadata":{"event_type":"StudentRegistrationRequested"}}`,
		`{"block":"<User hash=pbkdf2_sha256$1$leak$leak>","context":["argon2$leak"],"event_metadata":{"event_type":"VerticalBlockRenderCompleted"}}`,
		`{"anything":{"secret_key":"leak"},"event_metadata":{"event_type":"AddedLaterRequested"}}`,
	} {
		r := question(t, body)
		for _, format := range []relay.Format{relay.FormatPluginJSON, relay.FormatPluginForm} {
			if _, sent := Encode(r, format, time.Now()); strings.Contains(string(sent), "leak") {
				t.Errorf("%s", sent)
			}
		}
		if m := Message(r, time.Now()); strings.Contains(string(m.Body), "leak") {
			t.Errorf("%s", m.Body)
		}
	}
	r := parsed(t, "application/x-www-form-urlencoded", "email=a&password=leak&new_password2=leak&event_metadata_event_type=StudentRegistrationRequested")
	if _, sent := Encode(r, relay.FormatPluginForm, time.Now()); strings.Contains(string(sent), "leak") {
		t.Errorf("%s", sent)
	}
}

func TestBothSpellingsMeanTheSameFilter(t *testing.T) {
	t.Parallel()
	for stored, class := range map[string]string{
		"StudentSettingsRenderStarted": "AccountSettingsRenderStarted", "XblockRenderStarted": "RenderXBlockStarted",
		"CourseHomepageUrlCreationStarted": "CourseHomeUrlCreationStarted", "HomeEnrollmentApiRendered": "CourseEnrollmentAPIRenderStarted",
		"HomeCourserunApiRenderedStarted": "CourseRunAPIRenderStarted", "AuthoringLmsPageUrlRequested": "LMSPageURLRequested",
		"OraSubmissionViewRenderStarted": "ORASubmissionViewRenderStarted", "IdvPageUrlRequested": "IDVPageURLRequested",
		"CourseAboutPageUrlRequested": "CourseAboutPageURLRequested", "ScheduleQuerysetRequested": "ScheduleQuerySetRequested",
	} {
		r := question(t, `{"url":"/x","event_metadata":{"event_type":"`+stored+`"}}`)
		if r.Filter.Class != class || r.Name != stored {
			t.Errorf("%s: %s as %s", stored, r.Filter.Class, r.Name)
		}
		if m := Message(r, time.Now()); m.Subject != "filters."+class {
			t.Errorf("%s: subject %s", stored, m.Subject)
		}
	}
}

func TestWhatIsNoQuestionIsRefusedWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `[]`, `5`, `{"s3cret":1}`, `{"s3cret":`, `{"event_metadata":5}`, `{"event_metadata":{}}`, `{"event_metadata":{"event_type":5}}`,
		`{"event_metadata":{"event_type":"s3cret > *"}}`, `{"event_metadata":{"event_type":""}}`, "{\"\xff\":1}",
		strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200),
	} {
		if _, err := Parse(catalogue(t), "application/json", []byte(body)); relay.CodeOf(err) != relay.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.60q: %v", body, err)
		}
	}
	for _, body := range []string{``, `s3cret=1`, `%zz=1&event_metadata_event_type=StudentLoginRequested`, "a=%ff&event_metadata_event_type=StudentLoginRequested"} {
		if _, err := Parse(catalogue(t), "application/x-www-form-urlencoded", []byte(body)); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestAQuestionCrossesItsSubjectWhole(t *testing.T) {
	t.Parallel()
	r := question(t, strings.Replace(enrollment, "CourseEnrollmentStarted", "courseenrollmentstarted", 1))
	m := Message(r, time.Now())
	again, err := FromMessage(catalogue(t), "CourseEnrollmentStarted", m)
	if err != nil {
		t.Fatal(err)
	}
	_, a := Encode(r, relay.FormatPluginJSON, time.Now())
	_, b := Encode(again, relay.FormatPluginJSON, time.Now())
	if string(a) != string(b) || m.Type != "org.openedx.learning.course.enrollment.started.v1" {
		t.Errorf("%s\n%s\n%s", m.Type, a, b)
	}
}

type asker func(string, relay.Message) (relay.Message, error)

func (a asker) Request(_ context.Context, subject string, m relay.Message) (relay.Message, error) {
	return a(subject, m)
}

func TestAnswersOfServicesAreCleanedAndSilenceIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	r := question(t, enrollment)
	answers := func(header map[string]string, body string, err error) asker {
		return func(string, relay.Message) (relay.Message, error) {
			return relay.Message{Header: header, Body: []byte(body)}, err
		}
	}
	forged := `{"data":{"user":{"is_staff":true},"mode":"honor"}}`
	cases := []struct {
		asker asker
		want  string
		fails bool
	}{
		{answers(nil, forged, nil), `{"data":{"mode":"honor"}}`, false},
		{answers(map[string]string{HeaderChecked: "1"}, forged, nil), forged, false},
		{answers(nil, `nonsense`, nil), `{}`, true},
		{answers(nil, ``, relay.Errorf(relay.CodeUnavailable, "nobody")), `{}`, true},
	}
	for _, c := range cases {
		if body, err := Ask(t.Context(), c.asker, r, time.Now()); string(body) != c.want || (err != nil) != c.fails {
			t.Errorf("%s, error %v, want %s", body, err, c.want)
		}
	}
}

func TestBadAnswersCountAsEmpty(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"[]", `"x"`, "5", "null", "true", `["data"]`, `"data"`, "plain", `{"data": {"mode": "a"}}trailing`, `{"data":[1]}`, `{"data":null}`, `{"exception":"PreventEnrollment"}`, `{"exceptions":{"PreventEnrollment":"x"}}`} {
		answer, problem := Decode("application/json", []byte(body))
		if string(answer.JSON()) != "{}" || problem == "" {
			t.Errorf("%s: %s, problem %q", body, answer.JSON(), problem)
		}
	}
	if answer, problem := Decode("", nil); string(answer.JSON()) != "{}" || problem != "" {
		t.Errorf("empty: %s %q", answer.JSON(), problem)
	}
	if answer, _ := Decode("", []byte("\xef\xbb\xbf"+`{"data":{"mode":"a"}}`)); answer.Data.Len() != 1 {
		t.Error("a byte order mark spoils the answer")
	}
	if answer, _ := Decode("text/plain", []byte("{\"data\":{\"mode\":\"\xe9\"}}")); string(answer.JSON()) != `{"data":{"mode":"\u00e9"}}` {
		t.Errorf("Latin-1: %s", answer.JSON())
	}
}

func FuzzParse(f *testing.F) {
	c := catalogue(f)
	f.Add("application/json", []byte(enrollment))
	f.Add("application/x-www-form-urlencoded", []byte("user_id=1&event_metadata_event_type=StudentLoginRequested"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r, err := Parse(c, contentType, body)
		if err != nil {
			return
		}
		for _, format := range []relay.Format{relay.FormatPluginJSON, relay.FormatPluginForm} {
			Encode(r, format, time.Time{})
		}
		if _, form := Encode(r, relay.FormatPluginForm, time.Time{}); len(form) > 0 {
			if _, err := url.ParseQuery(string(form)); err != nil {
				t.Fatalf("%q: %v", form, err)
			}
		}
	})
}

func FuzzClean(f *testing.F) {
	c := catalogue(f)
	f.Add("CourseEnrollmentStarted", []byte(`{"data":{"user":{"is_staff":true,"first_name":"x"}},"exception":{"PreventEnrollment":{"message":"m"}}}`))
	f.Fuzz(func(t *testing.T, class string, body []byte) {
		r, err := Parse(c, "application/json", []byte(enrollment))
		if err != nil {
			t.Fatal(err)
		}
		if r.Filter, _ = c.Filter(class); r.Filter.Class == "" {
			return
		}
		answer, _ := Decode("", body)
		cleaned, _ := Clean(r, answer, nil)
		again, problem := Decode("application/json", cleaned.JSON())
		if problem != "" {
			t.Fatalf("%s: %s", problem, cleaned.JSON())
		}
		twice, report := Clean(r, again, nil)
		if len(report.Dropped) > 0 || string(twice.JSON()) != string(cleaned.JSON()) {
			t.Fatalf("cleaning what is clean dropped %v: %s, %s", report.Dropped, cleaned.JSON(), twice.JSON())
		}
		if strings.Contains(strings.ToLower(string(cleaned.JSON())), `"is_staff":`) && cleaned.Data.Len() > 0 && cleaned.Exception.Len() == 0 {
			t.Fatalf("%s", cleaned.JSON())
		}
	})
}

func TestNobodyIsAnError(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	_, err := Ask(t.Context(), asker(func(string, relay.Message) (relay.Message, error) { return relay.Message{}, away }), question(t, enrollment), time.Now())
	if !errors.Is(err, away) {
		t.Error(err)
	}
}
