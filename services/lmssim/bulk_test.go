package lmssim_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

// learnerCase is one row of the platform's table: where a learner stands, what is asked, what comes of it.
type learnerCase struct {
	name    string
	arrange func(p *platform)
	ask     []string // pairs that change the form
	want    string   // flags before and after
}

const (
	learner  = "learner@example.com"
	username = "learner"
)

func TestBulkFollowsTheTableOfLearners(t *testing.T) {
	t.Parallel()
	active := func(p *platform) { p.learner(learner) }
	inactive := func(p *platform) { p.addUser(lmssim.User{Email: learner}) }
	seat := func(mode string, on bool) func(p *platform) {
		return func(p *platform) {
			p.learner(learner)
			p.must(p.SetEnrollment(lmssim.Enrollment{User: username, Course: course, Mode: mode, Active: on}))
		}
	}
	allowed := func(auto bool, first func(p *platform)) func(p *platform) {
		return func(p *platform) {
			first(p)
			p.must(p.SetAllowance(lmssim.Allowance{Email: learner, Course: course, AutoEnroll: auto}))
		}
	}
	retired := func(p *platform) { active(p); p.must(p.Retire(username)) }
	nobody := func(*platform) {}
	unenroll := []string{"action", "unenroll", "auto_enroll", "False"}
	for _, c := range []learnerCase{
		{"active, not enrolled", active, nil, "TFFF>TTFF"},
		{"active, enrolled", seat("verified", true), nil, "TTFF>TTFF"},
		{"active, earlier unenrolled", seat("verified", false), nil, "TFFF>TTFF"},
		{"active with an allowance", allowed(false, active), nil, "TFTF>TTTF"},
		{"active with an automatic allowance", allowed(true, active), nil, "TFTT>TTTT"},
		{"inactive, automatic", inactive, nil, "TFFF>TFTT"},
		{"inactive, not automatic", inactive, []string{"auto_enroll", "False"}, "TFFF>TFTF"},
		{"no account, automatic", nobody, nil, "FFFF>FFTT"},
		{"no account, not automatic", nobody, []string{"auto_enroll", "false"}, "FFFF>FFTF"},
		{"flag overwritten to true", allowed(false, nobody), nil, "FFTF>FFTT"},
		{"flag overwritten to false", allowed(true, nobody), []string{"auto_enroll", "False"}, "FFTT>FFTF"},
		{"retired address", retired, nil, "FFFF>FFFF"},
		{"no address", nobody, []string{"identifiers", "percivaloctavius@"}, "invalid"},
		{"unknown username", nobody, []string{"identifiers", "percivaloctavius"}, "invalid"},
		{"known username", active, []string{"identifiers", username}, "TFFF>TTFF"},
		{"retired username", retired, []string{"identifiers", username}, "invalid"},
		{"other case", active, []string{"identifiers", "LEARNER@Example.com"}, "TFFF>TTFF"},
		{"unenroll, enrolled", seat("audit", true), unenroll, "TTFF>TFFF"},
		{"unenroll, allowed", allowed(true, nobody), unenroll, "FFTT>FFFF"},
		{"unenroll, neither", active, unenroll, "TFFF>TFFF"},
		{"unenroll, no account", nobody, unenroll, "FFFF>FFFF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, lmssim.Settings{})
			c.arrange(p)
			if got := flags(p.bulk(learner, c.ask...).result(t, 0)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestBulkKeepsTheModeOfTheEnrolledAndGivesTheDefaultToTheReturning(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddCourse(lmssim.Course{Key: course, DefaultMode: "honor", Modes: []string{"honor", "verified"}}))
	for _, email := range []string{"stays@x.example", "returns@x.example"} {
		p.learner(email)
	}
	p.must(p.SetEnrollment(lmssim.Enrollment{User: "stays", Course: course, Mode: "verified", Active: true}))
	p.must(p.SetEnrollment(lmssim.Enrollment{User: "returns", Course: course, Mode: "verified"}))
	p.bulk("stays@x.example,returns@x.example")
	for i, want := range []string{"verified", "honor"} {
		if e := p.State().Enrollments[i]; e.Mode != want || !e.Active {
			t.Errorf("%+v, want %s and active", e, want)
		}
	}
}

func TestBulkAnswersEachIdentifierInOrderAsItWasSent(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	a := p.bulk("Learner@example.com\n nobody@,\t" + learner + " " + learner)
	want := []string{"Learner@example.com TFFF>TTFF", "nobody@ invalid", learner + " TTFF>TTFF", learner + " TTFF>TTFF"}
	for i, w := range want {
		r := a.result(t, i)
		if got := r["identifier"].(string) + " " + flags(r); got != w {
			t.Errorf("%d: %s, want %s", i, got, w)
		}
	}
}

func TestBulkAnswerHasTheShapeOfThePlatform(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	a := p.bulk(learner)
	want := `{"auto_enroll":true,"email_students":false,"action":"enroll","courses":{"` + course +
		`":{"action":"enroll","auto_enroll":true,"results":[{"identifier":"` + learner +
		`","before":{"user":true,"enrollment":false,"allowed":false,"auto_enroll":false},` +
		`"after":{"user":true,"enrollment":true,"allowed":false,"auto_enroll":false}}]}}}`
	if string(a.body) != want || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s\nwant\n%s", a.body, want)
	}
	if next := p.bulk("bad@").body; strings.Contains(string(next), "success") {
		t.Errorf("the profile teak knows no success: %s", next)
	}
}

func TestBulkValidatesTheForm(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddCohort(course, "red"))
	other := "course-v1:org+other+run1"
	p.must(p.AddCourse(lmssim.Course{Key: other}))
	good := `"identifiers":"a@x.example","action":"enroll"`
	for name, c := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"nothing":             {`{}`, 400, `{"action":["This field is required."],"courses":["This field is required."],"identifiers":["This field is required."]}`},
		"empty body":          {``, 400, `{"action":["This field is required."],"courses":["This field is required."],"identifiers":["This field is required."]}`},
		"blank identifiers":   {`{"identifiers":" ","action":"enroll","courses":"` + course + `"}`, 400, `{"identifiers":["This field may not be blank."]}`},
		"null identifiers":    {`{"identifiers":null,"action":"enroll","courses":"` + course + `"}`, 400, `{"identifiers":["This field may not be null."]}`},
		"list identifiers":    {`{"identifiers":["a@x.example"],"action":"enroll","courses":"` + course + `"}`, 400, `{"identifiers":["Not a valid string."]}`},
		"bad key":             {`{` + good + `,"courses":"nonsense"}`, 400, `{"courses":["Course key not valid: nonsense"]}`},
		"space after comma":   {`{` + good + `,"courses":"` + course + `, ` + other + `"}`, 400, `{"courses":["Course key not valid:  course-v1:org+other+run1"]}`},
		"plus as space":       {`{` + good + `,"courses":"course-v1:org course run1"}`, 400, `{"courses":["Course key not valid: course-v1:org course run1"]}`},
		"number as courses":   {`{` + good + `,"courses":5}`, 500, ``},
		"bad action":          {`{"identifiers":"a@x.example","action":"foo","courses":"` + course + `"}`, 400, `{"action":["\"foo\" is not a valid choice."]}`},
		"bad boolean":         {`{` + good + `,"courses":"` + course + `","auto_enroll":"maybe"}`, 400, `{"auto_enroll":["Must be a valid boolean."]}`},
		"null boolean":        {`{` + good + `,"courses":"` + course + `","email_students":null}`, 400, `{"email_students":["This field may not be null."]}`},
		"cohort, unenroll":    {`{"identifiers":"a@x.example","action":"unenroll","courses":"` + course + `","cohorts":"red"}`, 400, `{"non_field_errors":["Cohorts can only be used for enrollments."]}`},
		"cohort count":        {`{` + good + `,"courses":"` + course + `","cohorts":"red,blue"}`, 400, `{"non_field_errors":["If provided, the cohorts and courses should have equal number of items."]}`},
		"cohort missing":      {`{` + good + `,"courses":"` + course + `","cohorts":"blue"}`, 400, `{"non_field_errors":["cohort blue not found in course ` + course + `."]}`},
		"a list":              {`[]`, 400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`},
		"broken":              {`{`, 400, ``},
		"NaN":                 {`{"identifiers":NaN}`, 400, ``},
		"no courses, text":    {`{` + good + `,"courses":""}`, 200, `{"auto_enroll":false,"email_students":false,"action":"enroll","courses":{}}`},
		"no courses, list":    {`{` + good + `,"courses":[]}`, 200, `{"auto_enroll":false,"email_students":false,"action":"enroll","courses":{}}`},
		"unknown key ignored": {`{` + good + `,"courses":[],"x":1}`, 200, ``},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.staff("POST", bulkPath, c.body)
			if a.status != c.status || c.want != "" && string(a.body) != c.want {
				t.Errorf("%d %s, want %d %s", a.status, a.body, c.status, c.want)
			}
		})
	}
	if n := len(p.State().Allowances) + len(p.State().Enrollments); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func TestBulkFormWithoutCoursesIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	if a := p.bulk("a@x.example", "courses", ""); a.status != 400 || string(a.body) != `{"courses":["Course key not valid: "]}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := p.do("POST", bulkPath, "text/plain", "x", "Authorization", p.auth); a.status != 415 {
		t.Errorf("text/plain: %d", a.status)
	}
}

func TestBulkUsesOnlyTheFirstOfAListOfCourses(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	other := "course-v1:org+other+run1"
	p.must(p.AddCourse(lmssim.Course{Key: other}))
	for name, a := range map[string]answer{
		"json": p.staff("POST", bulkPath, `{"identifiers":"a@x.example","action":"enroll","courses":["`+other+`","`+course+`"]}`),
		"form": p.form(bulkPath, url.Values{"identifiers": {"a@x.example"}, "action": {"enroll"}, "courses": {other, course}}, "Authorization", p.auth),
	} {
		courses, _ := a.json(t)["courses"].(map[string]any)
		if len(courses) != 1 || courses[other] == nil {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

func TestBulkEchoesBooleansThatItDoesNotActOn(t *testing.T) {
	t.Parallel()
	for profile, acted := range map[lmssim.Profile]bool{lmssim.Teak: false, lmssim.Ulmo: true, lmssim.Next: true} {
		for _, value := range []string{"1", "TRUE", "yes", "on"} {
			p := newPlatform(t, lmssim.Settings{Profile: profile})
			a := p.bulk("new@x.example", "auto_enroll", value, "email_students", value)
			top := a.json(t)
			if top["auto_enroll"] != true || top["email_students"] != true {
				t.Errorf("%s %s: not echoed: %s", profile, value, a.body)
			}
			after, _ := a.result(t, 0)["after"].(map[string]any)
			if after["auto_enroll"] != acted || (len(p.Mails()) == 1) != acted {
				t.Errorf("%s %s: acted %v, %d mails, want %v", profile, value, after["auto_enroll"], len(p.Mails()), acted)
			}
		}
		p := newPlatform(t, lmssim.Settings{Profile: profile})
		for _, value := range []string{"True", "true"} {
			if after, _ := p.bulk("new@x.example", "auto_enroll", value).result(t, 0)["after"].(map[string]any); after["auto_enroll"] != true {
				t.Errorf("%s: %s is not acted on", profile, value)
			}
		}
	}
}

func TestBulkUnknownCourseDependsOnTheProfile(t *testing.T) {
	t.Parallel()
	const unknown = "course-v1:no+such+course"
	for _, c := range []struct {
		profile lmssim.Profile
		mail    string
		status  int
	}{
		{lmssim.Teak, "False", 404}, {lmssim.Teak, "True", 404},
		{lmssim.Ulmo, "False", 200}, {lmssim.Ulmo, "True", 404},
		{lmssim.Next, "False", 200}, {lmssim.Next, "True", 404},
	} {
		p := newPlatform(t, lmssim.Settings{Profile: c.profile})
		a := p.bulk("a@x.example", "courses", unknown, "email_students", c.mail)
		if a.status != c.status {
			t.Errorf("%s mail %s: %d, want %d", c.profile, c.mail, a.status, c.status)
		}
		if a.status == 404 && a.json(t)["detail"] == nil {
			t.Errorf("%s: no detail in %s", c.profile, a.body)
		}
		if rows := len(p.State().Allowances); (rows == 1) != (c.status == 200) {
			t.Errorf("%s mail %s: %d allowances", c.profile, c.mail, rows)
		}
	}
}

func TestBulkSecondCourseUnknownFailsTheAnswerAfterTheFirstWasDone(t *testing.T) {
	t.Parallel()
	for _, atomic := range []bool{false, true} {
		p := newPlatform(t, lmssim.Settings{AtomicRequests: atomic})
		a := p.bulk("a@x.example", "courses", course+",course-v1:no+such+course", "email_students", "True")
		if a.status != 404 || (len(p.State().Allowances) == 0) != atomic || len(p.Mails()) != 1 {
			t.Errorf("atomic %v: %d, %d allowances, %d mails", atomic, a.status, len(p.State().Allowances), len(p.Mails()))
		}
	}
}

func TestBulkMovesLearnersBetweenCohorts(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	p.must(p.AddCohort(course, "red"))
	p.must(p.AddCohort(course, "blue"))
	for _, c := range []struct {
		cohort string
		before any
	}{{"red", nil}, {"blue", "red"}, {"blue", "blue"}} {
		r := p.bulk(learner, "cohorts", c.cohort).result(t, 0)
		before, _ := r["before"].(map[string]any)
		after, _ := r["after"].(map[string]any)
		was, told := before["cohort"]
		if !told || was != c.before || after["cohort"] != c.cohort {
			t.Errorf("%s: %v", c.cohort, r)
		}
	}
	if r := p.bulk(learner).result(t, 0); strings.Contains(flags(r), "cohort") || r["before"].(map[string]any)["user"] != true {
		t.Error("no cohort was asked for")
	}
}

func TestBulkMailsOnEveryRepeatAndWritesAnAuditRow(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	for range 3 {
		p.bulk(learner+",new@x.example", "email_students", "True", "reason", "order 7")
	}
	kinds := map[string]int{}
	for _, m := range p.Mails() {
		kinds[m.To+" "+m.Kind]++
	}
	if len(kinds) != 2 || kinds[learner+" enrolled"] != 3 || kinds["new@x.example allowed"] != 3 {
		t.Errorf("mails: %v", kinds)
	}
	rows := p.AuditTrail()
	if len(rows) != 6 {
		t.Fatalf("%d audit rows", len(rows))
	}
	if r := rows[0]; r.Actor != "worker" || r.Reason != "order 7" || r.Transition != "from unenrolled to enrolled" || r.Email != learner {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; r.Transition != "from unenrolled to allowed to enroll" {
		t.Errorf("%+v", r)
	}
}

func TestBulkDoesNotMailTheRetiredNorTheUntouched(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	p.must(p.Retire(learner))
	p.bulk(learner, "email_students", "True")
	p.bulk("stranger@x.example", "email_students", "True", "action", "unenroll")
	if m := p.Mails(); len(m) != 0 {
		t.Errorf("mails: %v", m)
	}
}

func TestBulkTellsMoreInTheNewestProfile(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{Profile: lmssim.Next})
	p.learner(learner)
	a := p.bulk(learner + ",bad@")
	if r := a.result(t, 0); r["success"] != true || r["state_transition"] != "from unenrolled to enrolled" {
		t.Errorf("%v", r)
	}
	if r := a.result(t, 1); r["success"] != false || r["invalidIdentifier"] != true || r["error_type"] == nil {
		t.Errorf("%v", r)
	}
	async := p.bulk("later@x.example", "async_processing", "true")
	courses, _ := async.json(t)["courses"].(map[string]any)
	of, _ := courses[course].(map[string]any)
	if _, there := of["results"]; there || of["action"] != "enroll" {
		t.Errorf("async: %s", async.body)
	}
	if len(p.State().Allowances) != 1 {
		t.Error("async work was not done")
	}
}

func TestBulkPathIsExactUnlessThePlatformIsOld(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	form := url.Values{"action": {"enroll"}, "courses": {course}, "identifiers": {"a@x.example"}}
	for _, path := range []string{bulkPath + "/", bulkPath + "x"} {
		if a := p.form(path, form, "Authorization", p.auth); a.status != 404 || !isHTML(a) {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	p.must(p.Configure(lmssim.Settings{LegacyURL: true}))
	for _, path := range []string{bulkPath + "/", bulkPath + "x", bulkPath} {
		if a := p.form(path, form, "Authorization", p.auth); a.status != 200 {
			t.Errorf("legacy %s: %d", path, a.status)
		}
	}
	p.must(p.Configure(lmssim.Settings{BulkDisabled: true}))
	if a := p.form(bulkPath, form, "Authorization", p.auth); a.status != 404 || !isHTML(a) {
		t.Errorf("disabled: %d %s", a.status, a.header)
	}
}

func isHTML(a answer) bool { return strings.HasPrefix(a.header.Get("Content-Type"), "text/html") }

func TestAllowancesBecomeEnrolmentsWhenAnAccountBecomesActive(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	other := "course-v1:org+other+run1"
	p.must(p.AddCourse(lmssim.Course{Key: other}))
	p.bulk("new@x.example")
	p.bulk("new@x.example", "courses", other, "auto_enroll", "False")
	p.addUser(lmssim.User{Username: "new", Email: "New@x.example"})
	if n := len(p.State().Enrollments); n != 0 {
		t.Fatalf("%d enrolments of an inactive account", n)
	}
	p.must(p.Activate("new"))
	rows := p.State().Enrollments
	if len(rows) != 1 || rows[0].Course != course || rows[0].User != "new" || !rows[0].Active {
		t.Errorf("%+v", rows)
	}
}

func TestAddressesAreComparedWithCaseWhenAsked(t *testing.T) {
	t.Parallel()
	p := newPlatformWith(t, lmssim.Options{CaseSensitive: true})
	p.learner(learner)
	if got := flags(p.bulk("LEARNER@example.com").result(t, 0)); got != "FFFF>FFTT" {
		t.Error(got)
	}
}
