package lmssim_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

// sim calls the control API.
func (p *platform) sim(method, path, body string) answer {
	p.t.Helper()
	return p.do(method, "/_sim"+path, "application/json", body)
}

func TestControlAPIArrangesAndShows(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/users", `{"email":"a@x.example"}`, 201},
		{"POST", "/users", `[{"email":"b@x.example","is_active":false},{"username":"carl","email":"c@x.example"}]`, 201},
		{"POST", "/courses", `{"key":"course-v1:o+c+2","name":"Two","cohorts":["red"]}`, 201},
		{"POST", "/cohorts", `{"course":"course-v1:o+c+2","name":"blue"}`, 204},
		{"POST", "/clients", `{"id":"x","secret":"y","owner":"worker"}`, 201},
		{"POST", "/redirects", `{"path":"/sku/2","target":"/courses/course-v1:o+c+2/about"}`, 201},
		{"POST", "/enrollments", `{"user":"a","course":"course-v1:o+c+2"}`, 201},
		{"POST", "/allowances", `{"email":"b@x.example","course":"course-v1:o+c+2","auto_enroll":true}`, 201},
		{"POST", "/sink", `{"user":"a","course":"course-v1:o+c+2"}`, 201},
		{"POST", "/users/b/activate", ``, 204},
		{"POST", "/users/c@x.example/retire", ``, 204},
		{"PATCH", "/settings", `{"profile":"ulmo","token_ttl":"90s"}`, 200},
		{"POST", "/faults", `{"id":"f","kind":"latency","delay":"1ms","endpoint":"bulk_enroll"}`, 201},

		{"POST", "/users", `{"email":"nonsense"}`, 400},
		{"POST", "/users", `{"email":"d@x.example","isactive":true}`, 400},
		{"POST", "/users", `{`, 400},
		{"POST", "/courses", `{"key":"nonsense"}`, 400},
		{"POST", "/clients", `{"id":"x","secret":"y","owner":"nobody"}`, 404},
		{"POST", "/redirects", `{"path":"sku","target":"/"}`, 400},
		{"POST", "/users/nobody/activate", ``, 404},
		{"POST", "/users/a/dance", ``, 400},
		{"POST", "/cohorts", `{"course":"course-v1:n+n+n","name":"blue"}`, 404},
		{"PATCH", "/settings", `{"profile":"oak"}`, 400},
		{"PATCH", "/settings", `{"token_ttl":90}`, 400},
		{"POST", "/faults", `{"kind":"magic"}`, 400},
		{"DELETE", "/faults/none", ``, 404},
		{"GET", "/nothing", ``, 404},
	} {
		a := p.sim(c.method, c.path, c.body)
		if a.status != c.status || a.status >= 400 && a.json(t)["error"] == nil {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.body)
		}
	}
	var state lmssim.State
	p.must(json.Unmarshal(p.sim("GET", "/state", "").body, &state))
	if len(state.Users) != 4 || len(state.Enrollments) != 2 || len(state.Courses[0].Cohorts)+len(state.Redirects)+len(state.Clients)+len(state.Sink) != 6 || !state.Users[3].Retired {
		t.Errorf("%+v", state)
	}
	if set := p.Settings(); set.Profile != lmssim.Ulmo || set.LernitoForm != lmssim.Compact {
		t.Errorf("%+v", set)
	}
	p.bulk("new@x.example", "email_students", "true")
	for path, want := range map[string]string{
		"/mails": `"to": "new@x.example"`, "/audit": `"actor": "worker"`, "/requests?endpoint=bulk_enroll&status=200&limit=1": `new%40x.example`,
		"/stats": `"bulk_enroll": {`, "/faults": `"hits": 1`, "/settings": `"token_ttl": "1m30s"`,
	} {
		if a := p.sim("GET", path, ""); a.status != 200 || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/mails", "/audit", "/requests", "/faults"} {
		if a := p.sim("DELETE", path, ""); a.status != 204 {
			t.Errorf("DELETE %s: %d", path, a.status)
		}
		if a := p.sim("GET", path, ""); strings.TrimSpace(string(a.body)) != "[]" {
			t.Errorf("%s is not empty: %s", path, a.body)
		}
	}
	if a := p.sim("GET", "/", ""); a.status != 200 || !strings.Contains(string(a.body), "POST /_sim/faults") {
		t.Errorf("index: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/users/a", "/courses/course-v1:o+c+2", "/redirects?path=/sku/2"} {
		if a := p.sim("DELETE", path, ""); a.status != 204 {
			t.Errorf("DELETE %s: %d %s", path, a.status, a.body)
		}
		if a := p.sim("DELETE", path, ""); a.status != 404 {
			t.Errorf("DELETE %s again: %d", path, a.status)
		}
	}
	if a := p.sim("POST", "/tokens/expire", ""); a.status != 204 || p.bulk("a@x.example").status != 401 {
		t.Errorf("expire: %d", a.status)
	}
}

func TestStateCanBeSavedAndLoadedAgain(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	p.must(p.AddCohort(course, "red"))
	p.must(p.AddRedirect(lmssim.Redirect{Path: "/sku/1", Target: "/courses/" + course}))
	p.bulk(learner+",new@x.example", "cohorts", "red")
	saved := p.sim("GET", "/state", "").body
	if a := p.sim("POST", "/reset", ""); a.status != 204 || len(p.State().Users) != 0 {
		t.Fatalf("reset: %d", a.status)
	}
	if a := p.sim("POST", "/state", string(saved)); a.status != 204 {
		t.Fatalf("load: %d %s", a.status, a.body)
	}
	if a := p.sim("POST", "/state", `{"users":[{"email":"x@x.example","activ":true}]}`); a.status != 400 {
		t.Errorf("unknown key: %d", a.status)
	}
	if again := p.sim("GET", "/state", "").body; string(again) != string(saved) {
		t.Errorf("%s\nwas\n%s", again, saved)
	}
}

func TestResetGoesBackToTheFirstSettings(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{Profile: lmssim.Ulmo})
	p.must(p.Configure(lmssim.Settings{Profile: lmssim.Next, BulkDisabled: true}))
	p.fault(lmssim.Fault{Kind: lmssim.FaultHTML})
	p.bulk(learner)
	p.Reset()
	state := p.State()
	if set := p.Settings(); set.Profile != lmssim.Ulmo || set.BulkDisabled {
		t.Errorf("%+v", set)
	}
	if len(state.Users)+len(state.Clients)+len(p.Faults())+len(p.Requests(""))+len(p.Stats().Calls) != 0 {
		t.Errorf("%+v", state)
	}
}

func TestRequestsAreKeptByteForByte(t *testing.T) {
	t.Parallel()
	p := newPlatformWith(t, lmssim.Options{KeepRequests: 3})
	p.do("POST", "/no/such%20path?a=%31", "application/x-thing", "\xff\x00", "X-Thing", "v")
	last := p.Requests("")
	r := last[len(last)-1]
	if string(r.Body) != "\xff\x00" || r.Path != "/no/such%20path" || r.Query != "a=%31" || r.Header.Get("X-Thing") != "v" || r.Status != 404 || r.Endpoint != lmssim.EndpointNone {
		t.Errorf("%+v", r)
	}
	for range 20 {
		p.bulk(learner)
	}
	kept := p.Requests("")
	if len(kept) != 3 || kept[2].Sequence != 22 || kept[2].User != "worker" || kept[2].Text == "" {
		t.Errorf("%d kept: %+v", len(kept), kept)
	}
}

func TestCheckTellsWhatIsNotAsExpected(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	for range 2 {
		p.bulk(learner+",new@x.example", "email_students", "true")
	}
	seat := func(learner string) string { return `{"learner":"` + learner + `","course":"` + course + `"}` }
	for body, problems := range map[string][]string{
		`{}`: nil,
		`{"enrollments":[` + seat("LEARNER@example.com") + `],"allowances":[` + seat("new@x.example") + `],"no_expired_tokens":true,"max_token_fetches":1,"max_calls_per_minute":2,"max_mails":2}`: nil,
		`{"enrollments":[` + seat("other@x.example") + `]}`: {"enrolment missing: other@x.example in " + course, "enrolment not expected: " + learner + " in " + course},
		`{"allowances":[]}`:          {"allowance not expected: new@x.example in " + course},
		`{"max_mails":1}`:            {"2 mails to " + learner + " about " + course, "2 mails to new@x.example about " + course},
		`{"max_token_fetches":0}`:    {"1 tokens fetched in an hour, at most 0 wanted"},
		`{"max_calls_per_minute":1}`: {"2 enrolment calls in the busiest minute, at most 1 wanted"},
	} {
		var report lmssim.Report
		p.must(json.Unmarshal(p.sim("POST", "/check", body).body, &report))
		if strings.Join(report.Problems, "|") != strings.Join(problems, "|") || report.OK != (problems == nil) {
			t.Errorf("%s: %+v", body, report)
		}
	}
	p.ExpireTokens()
	p.bulk(learner)
	if report := p.Check(lmssim.Expectation{NoExpiredTokens: true}); report.OK {
		t.Error("a call with an expired token was not seen")
	}
}

func TestServeEndsWithItsContextEvenWhileACallHangs(t *testing.T) {
	t.Parallel()
	sim := lmssim.New(lmssim.Options{})
	if _, err := sim.SetFault(lmssim.Fault{Kind: lmssim.FaultHang}); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served, called := make(chan error), make(chan error)
	go func() { served <- sim.Serve(ctx, ln) }()
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String() + "/login")
		if err == nil {
			_ = resp.Body.Close()
		}
		called <- err
	}()
	waitFor(t, func() bool { return len(sim.Requests("")) == 1 })
	cancel()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if err := <-called; err == nil {
		t.Error("the hanging call was answered")
	}
}

func TestBodiesPastTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	a, err := p.try("POST", bulkPath, "application/json", make([]byte, 9<<20), "Authorization", p.auth)
	if err == nil && a.status != 413 {
		t.Errorf("%d", a.status)
	}
}
