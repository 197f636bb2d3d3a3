package lmssim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

const enrollmentPath = "/api/enrollment/v1/enrollment"

func enrolBody(more string) string {
	return `{"course_details":{"course_id":"` + course + `"}` + more + `}`
}

func TestEnrollmentAPIEnrolsAndAnswersTheEnrolment(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.must(p.AddCourse(lmssim.Course{Key: course, Name: "A course", Modes: []string{"audit", "verified"}}))
	p.learner(learner)
	for i, c := range []struct {
		more, mode string
		active     bool
	}{
		{`,"user":"learner"`, "audit", true},
		{`,"user":"learner"`, "audit", true},
		{`,"email":"Learner@example.com","mode":"verified"`, "verified", true},
		{`,"user":"learner","is_active":false`, "verified", false},
		{`,"user":"learner","email":"nobody@x.example","is_active":true`, "verified", true},
	} {
		a := p.staff("POST", enrollmentPath, enrolBody(c.more))
		v := a.json(t)
		if a.status != 200 || v["user"] != username || v["mode"] != c.mode || v["is_active"] != c.active {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
		if details, _ := v["course_details"].(map[string]any); details["course_id"] != course {
			t.Errorf("%d: %s", i, a.body)
		}
	}
	a := p.staff("GET", enrollmentPath+"/learner,"+course, "")
	if v := a.json(t); a.status != 200 || v["mode"] != "verified" || v["is_active"] != true {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := p.staff("GET", enrollmentPath+"/worker,"+course, ""); a.status != 200 || string(a.body) != "null" {
		t.Errorf("none: %d %s", a.status, a.body)
	}
}

func TestEnrollmentAPIRefuses(t *testing.T) {
	t.Parallel()
	closed, full := "course-v1:org+closed+1", "course-v1:org+full+1"
	for name, c := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"no course":       {`{"user":"learner"}`, 400, "Course ID must be specified"},
		"bad course":      {`{"user":"learner","course_details":{"course_id":"x"}}`, 400, "No course 'x' found"},
		"unknown course":  {`{"user":"learner","course_details":{"course_id":"course-v1:a+b+c"}}`, 400, "No course"},
		"unknown user":    {enrolBody(`,"user":"nobody"`), 406, "nobody"},
		"unknown email":   {enrolBody(`,"email":"nobody@x.example"`), 406, "nobody@x.example"},
		"mode not there":  {enrolBody(`,"user":"learner","mode":"credit"`), 400, "course_details"},
		"active no bool":  {enrolBody(`,"user":"learner","is_active":"x"`), 400, "invalid enrollment activation status"},
		"closed":          {`{"user":"learner","course_details":{"course_id":"` + closed + `"}}`, 400, "closed"},
		"full":            {`{"user":"learner","course_details":{"course_id":"` + full + `"}}`, 400, "full"},
		"closed, forced":  {`{"user":"learner","force_enrollment":true,"course_details":{"course_id":"` + closed + `"}}`, 200, "learner"},
		"vetoed":          {enrolBody(`,"user":"vetoed"`), 403, "refused"},
		"unknown cohort":  {enrolBody(`,"user":"learner","cohort":"x"`), 400, "cohort x not found"},
		"broken":          {`{`, 400, "JSON parse error"},
		"details no dict": {`{"user":"learner","course_details":[]}`, 400, "Course ID must be specified"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, lmssim.Settings{})
			p.must(p.AddCourse(lmssim.Course{Key: closed, Closed: true}))
			p.must(p.AddCourse(lmssim.Course{Key: full, Full: true}))
			p.learner(learner)
			p.learner("vetoed@x.example")
			p.fault(lmssim.Fault{Kind: lmssim.FaultLearner, Learner: "vetoed@x.example"})
			a := p.staff("POST", enrollmentPath, c.body)
			if a.status != c.status || !strings.Contains(string(a.body), c.want) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestEnrollmentAPIKeepsOthersOut(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{APIKey: "k3y"})
	p.must(p.AddCourse(lmssim.Course{Key: course, Modes: []string{"audit", "verified"}}))
	p.learner(learner)
	staff := p.auth
	p.must(p.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: username}))
	p.auth = "Bearer " + p.token("")
	if a := p.staff("POST", enrollmentPath, enrolBody(`,"user":"worker"`)); a.status != 404 || len(a.body) != 0 {
		t.Errorf("for another: %d %s", a.status, a.body)
	}
	if a := p.staff("POST", enrollmentPath, enrolBody(`,"mode":"verified"`)); a.status != 403 {
		t.Errorf("paid mode: %d %s", a.status, a.body)
	}
	if a := p.staff("POST", enrollmentPath, enrolBody(`,"email":"worker@lms.example"`)); a.status != 200 || a.json(t)["user"] != username {
		t.Errorf("an address counts for staff only: %d %s", a.status, a.body)
	}
	if a := p.staff("GET", enrollmentPath+"/worker,"+course, ""); a.status != 404 {
		t.Errorf("reads another: %d", a.status)
	}
	if a := p.staff("GET", "/api/enrollment/v1/enrollments", ""); a.status != 403 {
		t.Errorf("list: %d", a.status)
	}
	if a := p.staff("POST", "/api/enrollment/v1/enrollment_allowed/", `{}`); a.status != 403 {
		t.Errorf("allow: %d", a.status)
	}
	p.auth = ""
	if a := p.staff("POST", enrollmentPath, enrolBody("")); a.status != 401 {
		t.Errorf("anonymous: %d", a.status)
	}
	keyed := p.do("POST", enrollmentPath, "application/json", enrolBody(`,"user":"worker"`), "X-Edx-Api-Key", "k3y")
	if keyed.status != 200 {
		t.Errorf("API key: %d %s", keyed.status, keyed.body)
	}
	p.auth = staff
	if a := p.staff("POST", enrollmentPath+"/", enrolBody("")); a.status != 404 || !isHTML(a) {
		t.Errorf("slash: %d", a.status)
	}
}

func TestEnrollmentListIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	other := "course-v1:org+other+run1"
	p.must(p.AddCourse(lmssim.Course{Key: other}))
	for i := range 5 {
		p.learner(fmt.Sprintf("l%d@x.example", i))
		p.must(p.SetEnrollment(lmssim.Enrollment{User: fmt.Sprintf("l%d", i), Course: course, Active: true}))
	}
	p.must(p.SetEnrollment(lmssim.Enrollment{User: "l0", Course: other, Active: true}))
	for query, want := range map[string]int{
		"":                                 6,
		"?email=L1@x.example":              1,
		"?email=l0@x.example,l1@x.example": 3,
		"?course_id=course-v1%3Aorg%2Bother%2Brun1": 1,
		"?username=l2,l3":         2,
		"?email=nobody@x.example": 0,
	} {
		results, _ := p.staff("GET", "/api/enrollment/v1/enrollments"+query, "").json(t)["results"].([]any)
		if len(results) != want {
			t.Errorf("%s: %d, want %d", query, len(results), want)
		}
	}
	seen, path := map[string]bool{}, "/api/enrollment/v1/enrollments?page_size=4"
	for pages := 0; path != ""; pages++ {
		v := p.staff("GET", path, "").json(t)
		for _, row := range v["results"].([]any) {
			r := row.(map[string]any)
			seen[r["user"].(string)+r["course_id"].(string)] = true
		}
		next, _ := v["next"].(string)
		path = strings.TrimPrefix(next, p.url)
		if pages > 2 {
			t.Fatal("pages do not end")
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d rows over the pages", len(seen))
	}
	if a := p.staff("GET", "/api/enrollment/v1/enrollments?course_id=x", ""); a.status != 400 {
		t.Errorf("%d", a.status)
	}
}

func TestAllowanceAPI(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	const path = "/api/enrollment/v1/enrollment_allowed/"
	body := `{"email":"new@x.example","course_id":"` + course + `","auto_enroll":true}`
	for i, c := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", path, `{"email":"new@x.example"}`, 400},
		{"POST", path, body, 201},
		{"POST", path, body, 409},
		{"POST", strings.TrimSuffix(path, "/"), body, 404},
		{"DELETE", path, body, 204},
		{"DELETE", path, body, 404},
	} {
		if a := p.staff(c.method, c.path, c.body); a.status != c.want {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
	p.staff("POST", path, body)
	if rows := p.State().Allowances; len(rows) != 1 || !rows[0].AutoEnroll {
		t.Errorf("%+v", rows)
	}
}
