package lmssim_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

const sinkPath = "/api/openedx_webhook/enrollment/"

func sinkBody(email, key, more string) string {
	return `{"email":"` + email + `","course_id":"` + key + `"` + more + `}`
}

func TestSinkMakesARowOnceAndNeverChangesItsMode(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	for i, c := range []struct {
		more   string
		status int
	}{{`,"mode":"verified","role":"staff"`, 201}, {`,"mode":"audit"`, 200}, {``, 200}} {
		if i == 2 {
			p.SetSinkEnrollment(lmssim.SinkEnrollment{User: username, Course: course, Mode: "verified"})
		}
		a := p.staff("POST", sinkPath, sinkBody("LEARNER@example.com", course, c.more))
		if a.status != c.status || string(a.body) != `{"active":true,"edx_enrolled":true,"enrollment_id":1,"message":"Enrollment successful"}` {
			t.Errorf("%d: %d %s", i, a.status, a.body)
		}
	}
	rows := p.State().Sink
	if len(rows) != 1 || rows[0].Mode != "verified" || !rows[0].Active {
		t.Errorf("%+v", rows)
	}
	p.learner("b@x.example")
	a := p.form(sinkPath, url.Values{"email": {"b@x.example"}, "course_id": {course}, "mode": {""}}, "Authorization", p.auth)
	if rows := p.State().Sink; a.status != 201 || rows[1].Mode != "audit" {
		t.Errorf("form: %d %+v", a.status, rows)
	}
}

func TestSinkAnswersInTheOrderOfTheContract(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{TokenTTL: lmssim.Duration(time.Minute)})
	p.learner(learner)
	p.fault(lmssim.Fault{Kind: lmssim.FaultLearner, Endpoint: lmssim.EndpointSink, Learner: "broken@x.example"})
	p.learner("broken@x.example")
	for name, c := range map[string]struct {
		method, body string
		status       int
		want         string
	}{
		"method":         {"GET", "", 405, `{"detail":"Method \"GET\" not allowed."}`},
		"broken":         {"POST", "{", 400, `{"detail":"JSON parse error`},
		"a list":         {"POST", "[]", 500, "<!doctype html>"},
		"missing":        {"POST", `{"email":"x@x.example"}`, 400, `{"error":"Missing required fields: email and course_id"}`},
		"empty":          {"POST", sinkBody("", course, ""), 400, `{"error":"Missing required fields: email and course_id"}`},
		"user first":     {"POST", sinkBody("no@x.example", "course-v1:a+b+c", ""), 404, `{"error":"User not found"}`},
		"unknown course": {"POST", sinkBody(learner, "course-v1:a+b+c", ""), 404, `{"error":"Course run with id course-v1:a+b+c not found"}`},
		"failure":        {"POST", sinkBody("broken@x.example", course, ""), 400, `{"error":"Failed to create enrollment"}`},
	} {
		if a := p.staff(c.method, sinkPath, c.body); a.status != c.status || !strings.HasPrefix(string(a.body), c.want) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := p.do("POST", sinkPath, "text/plain", "x", "Authorization", p.auth); a.status != 415 {
		t.Errorf("media type: %d", a.status)
	}
}

func TestSinkLetsOnlyStaffIn(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{TokenTTL: lmssim.Duration(time.Minute)})
	p.learner(learner)
	refused := func(name string, status int, challenge string) {
		t.Helper()
		want := `{"detail":"Authentication credentials were not provided."}`
		if status == 403 {
			want = `{"detail":"You do not have permission to perform this action."}`
		}
		for _, method := range []string{"POST", "GET"} {
			a := p.staff(method, sinkPath, sinkBody(learner, course, ""))
			if a.status != status || string(a.body) != want || a.header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%s %s: %d %s %q", method, name, a.status, a.body, a.header.Get("WWW-Authenticate"))
			}
		}
	}
	staff := p.auth
	const invalid = `Bearer realm="api",error="invalid_token",error_description="The access token is invalid."`
	for name, auth := range map[string]string{"": "", "session": "Basic eA=="} {
		p.auth = auth
		refused(name, 401, `Bearer realm="api"`)
	}
	for _, auth := range []string{"Bearer nothing", "Bearer " + p.token("jwt")} {
		p.auth = auth
		refused("unknown", 401, invalid)
	}
	for _, owner := range []string{username, ""} {
		p.must(p.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: owner}))
		p.auth = "Bearer " + p.token("")
		refused("owner "+owner, 403, "")
	}
	p.must(p.Deactivate("worker"))
	p.auth = staff
	if a := p.staff("POST", sinkPath, sinkBody(learner, course, "")); a.status != 201 {
		t.Errorf("inactive staff: %d %s", a.status, a.body)
	}
	p.clock.Move(time.Minute)
	refused("expired", 401, `Bearer realm="api",error="invalid_token",error_description="The access token has expired."`)
}
