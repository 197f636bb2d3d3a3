package lms_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
	"github.com/edrelay/edrelay/services/lmssim"
)

const course = "course-v1:org+course+run1"

func client(t testing.TB, url string, change ...func(*lms.Options)) *lms.Client {
	t.Helper()
	options := lms.Options{URL: url, ClientID: "edrelay", ClientSecret: "s3cret", Timeout: 500 * time.Millisecond}
	for _, c := range change {
		c(&options)
	}
	made, err := lms.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

func platform(t testing.TB, settings lmssim.Settings) (*lmssim.Server, string) {
	t.Helper()
	sim := lmssim.New(lmssim.Options{Settings: settings})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.ClearFaults(); server.CloseClientConnections(); server.Close() })
	for _, err := range []error{
		second(sim.AddUser(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true})),
		second(sim.AddUser(lmssim.User{Username: "ann", Email: "ann@x.example", Active: true})),
		sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}),
		sim.AddCourse(lmssim.Course{Key: course}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return sim, server.URL
}

func second[T any](_ T, err error) error { return err }

// answers is an LMS that gives tokens and answers every other call with one status, header and body.
func answers(t *testing.T, status int, body string, header ...string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth2/access_token" {
			fmt.Fprint(w, `{"access_token":"t","expires_in":3600,"token_type":"JWT"}`)
			return
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func bulk(learners ...string) lms.Bulk {
	return lms.Bulk{Enroll: true, Course: course, Learners: learners, AutoEnroll: true}
}

func TestEveryAnswerOfTheBulkEndpointHasItsVerdict(t *testing.T) {
	t.Parallel()
	const page = "<html>Page not found</html>"
	result := func(text string) string {
		return `{"action":"enroll","courses":{"` + course + `":{"action":"enroll","results":[` + text + `]}}}`
	}
	flags := func(before, after string) string {
		f := func(text string) string {
			return fmt.Sprintf(`{"user":%t,"enrollment":%t,"allowed":%t,"auto_enroll":false}`, text[0] == 'T', text[1] == 'T', text[2] == 'T')
		}
		return `{"identifier":"a@x.example","before":` + f(before) + `,"after":` + f(after) + `,"success":true}`
	}
	for name, one := range map[string]struct {
		status int
		body   string
		header []string
		kind   lms.Kind
		result lms.Result
		after  time.Duration
	}{
		"enrolled":            {200, result(flags("TFF", "TTF")), nil, lms.Answered, lms.Enrolled, 0},
		"allowed":             {200, result(flags("FFF", "FFT")), nil, lms.Answered, lms.Allowed, 0},
		"retired":             {200, result(flags("FFF", "FFF")), nil, lms.Answered, lms.NoEffect, 0},
		"invalid":             {200, result(`{"identifier":"a@x.example","invalidIdentifier":true}`), nil, lms.Answered, lms.Invalid, 0},
		"exception":           {200, result(`{"identifier":"a@x.example","error":true}`), nil, lms.Answered, lms.Failed, 0},
		"somebody else":       {200, result(`{"identifier":"b@x.example","error":true}`), nil, lms.Answered, lms.Failed, 0},
		"async":               {200, `{"courses":{"` + course + `":{"action":"enroll"}}}`, nil, lms.Unknown, "", 0},
		"empty":               {200, `{}`, nil, lms.Unknown, "", 0},
		"HTML":                {200, page, nil, lms.Unknown, "", 0},
		"cut":                 {200, result(flags("TFF", "TTF"))[:60], nil, lms.Unknown, "", 0},
		"no course":           {404, `{"detail":"Not found."}`, nil, lms.UnknownCourse, "", 0},
		"no view":             {404, page, nil, lms.Refused, "", 0},
		"bad key":             {400, `{"courses":["Course key not valid: x"]}`, nil, lms.BadCourse, "", 0},
		"bad identifiers":     {400, `{"identifiers":["This field may not be blank."]}`, nil, lms.Malformed, "", 0},
		"bad in HTML":         {400, page, nil, lms.Malformed, "", 0},
		"token refused twice": {401, `{"detail":"x"}`, nil, lms.Refused, "", 0},
		"not staff":           {403, `{"detail":"You do not have permission to perform this action."}`, nil, lms.Refused, "", 0},
		"wait 37":             {429, `{}`, []string{"Retry-After", "37"}, lms.Throttled, "", 37 * time.Second},
		"wait as said":        {429, `{"detail":"Request was throttled. Expected available in 12 seconds."}`, nil, lms.Throttled, "", 12 * time.Second},
		"wait unsaid":         {429, page, nil, lms.Throttled, "", 30 * time.Second},
		"wait nonsense":       {429, page, []string{"Retry-After", "-5"}, lms.Throttled, "", 30 * time.Second},
		"wait for ever":       {429, page, []string{"Retry-After", "99999999999"}, lms.Throttled, "", 24 * time.Hour},
		"redirect":            {302, "", []string{"Location", "https://elsewhere.example/"}, lms.Refused, "", 0},
		"too large":           {413, page, nil, lms.TooLarge, "", 0},
		"500":                 {500, page, nil, lms.Unknown, "", 0},
		"502":                 {502, page, nil, lms.Unknown, "", 0},
		"408":                 {408, page, nil, lms.Unknown, "", 0},
		"405":                 {405, page, nil, lms.Refused, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdict := client(t, answers(t, one.status, one.body, one.header...)).Enroll(t.Context(), bulk("a@x.example"))
			if verdict.Kind != one.kind || verdict.Results["a@x.example"] != one.result || verdict.After != one.after || verdict.Status != one.status {
				t.Errorf("%+v", verdict)
			}
			if verdict.Kind != lms.Answered && verdict.Reason == "" || verdict.Kind == lms.Refused && verdict.Hint == "" {
				t.Errorf("no reason or hint: %+v", verdict)
			}
			if strings.Contains(verdict.Reason, "x.example") {
				t.Errorf("an address: %s", verdict.Reason)
			}
		})
	}
}

func TestWhatWasNeverSentIsNotUnknown(t *testing.T) {
	t.Parallel()
	if verdict := client(t, "http://127.0.0.1:1").Enroll(t.Context(), bulk("a@x.example")); verdict.Kind != lms.Unreachable {
		t.Errorf("no listener: %+v", verdict)
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	if verdict := client(t, server.URL).Enroll(t.Context(), bulk("a@x.example")); verdict.Kind != lms.Unreachable || !strings.Contains(verdict.Reason, "certificate") {
		t.Errorf("bad certificate: %+v", verdict)
	}
}

func TestATokenIsFetchedOnceAndRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	sim, url := platform(t, lmssim.Settings{ThrottleOff: true})
	var moved atomic.Int64
	c := client(t, url, func(o *lms.Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(moved.Load())) } })
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { c.Account(t.Context(), "ann@x.example") })
	}
	group.Wait()
	if n := len(sim.Requests(lmssim.EndpointToken)); n != 1 {
		t.Fatalf("%d fetched", n)
	}
	moved.Store(int64(59*time.Minute + 45*time.Second)) // of 60 minutes
	c.Account(t.Context(), "ann@x.example")
	if n := len(sim.Requests(lmssim.EndpointToken)); n != 2 {
		t.Errorf("%d fetched before the end", n)
	}
	sim.ExpireTokens()
	if verdict := c.Enroll(t.Context(), bulk("ann@x.example")); verdict.Kind != lms.Answered {
		t.Errorf("a token that ended early: %+v", verdict)
	}
	if n := len(sim.Requests(lmssim.EndpointToken)); n != 3 {
		t.Errorf("%d fetched", n)
	}
}

func TestATokenEndpointInTroubleHasItsVerdicts(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		fault lmssim.Fault
		kind  lms.Kind
	}{
		{lmssim.Fault{Kind: lmssim.FaultStatus, Status: 503}, lms.Unreachable},
		{lmssim.Fault{Kind: lmssim.FaultHTML}, lms.Unreachable},
		{lmssim.Fault{Kind: lmssim.FaultReset}, lms.Unreachable},
		{lmssim.Fault{Kind: lmssim.FaultHang}, lms.Unreachable},
		{lmssim.Fault{Kind: lmssim.FaultStatus, Status: 429}, lms.Throttled},
		{lmssim.Fault{Kind: lmssim.FaultStatus, Status: 403}, lms.Throttled},
		{lmssim.Fault{Kind: lmssim.FaultStatus, Status: 401}, lms.Refused},
	} {
		t.Run(fmt.Sprint(one.fault.Kind, one.fault.Status), func(t *testing.T) {
			t.Parallel()
			sim, url := platform(t, lmssim.Settings{ThrottleOff: true})
			one.fault.Endpoint = lmssim.EndpointToken
			if _, err := sim.SetFault(one.fault); err != nil {
				t.Fatal(err)
			}
			if verdict := client(t, url).Enroll(t.Context(), bulk("ann@x.example")); verdict.Kind != one.kind {
				t.Errorf("%+v", verdict)
			}
			if n := len(sim.Requests(lmssim.EndpointBulk)); n != 0 {
				t.Errorf("%d calls without a token", n)
			}
		})
	}
}

func TestSKUsLeadToCourses(t *testing.T) {
	t.Parallel()
	sim, url := platform(t, lmssim.Settings{})
	chain := []lmssim.Redirect{
		{Path: "/sku/plain", Target: "/courses/" + course + "/about"},
		{Path: "/sku/encoded", Target: "/courses/course-v1%3Aorg%2Bcourse%2Brun1/about"},
		{Path: "/sku/query", Target: "/login?next=/courses/course-v1%3Aorg%2Bcourse%2Brun1/about"},
		{Path: "/sku/nested", Target: "/login?next=%2Fcourses%2Fcourse-v1%253Aorg%252Bcourse%252Brun1%2Fabout"},
		{Path: "/sku/mfe", Target: "https://apps.example/learning/course/" + course + "/home"},
		{Path: "/sku/other", Target: "https://evil.example/x"},
		{Path: "/sku/hop", Target: "/sku/plain"},
		{Path: "/sku/loop", Target: "/sku/loop"},
		{Path: "/sku/nowhere", Target: "/missing"},
		{Path: "/sku/badkey", Target: "/courses/course-v1:x/about"},
		{Path: "/sku/scheme", Target: "file:///etc/passwd"},
		{Path: "/sku/a/b", Target: "/wrong"},
		{Path: "/sku/a?b", Target: "/courses/" + course},
		{Path: "/sku/ünïcode sku", Target: "/courses/" + course},
		{Path: "/c1", Target: "/c2"}, {Path: "/c2", Target: "/c3"}, {Path: "/c3", Target: "/c4"}, {Path: "/c4", Target: "/c5"},
		{Path: "/c5", Target: "/c6"}, {Path: "/c6", Target: "/courses/" + course}, {Path: "/sku/far", Target: "/c1"}, {Path: "/sku/near", Target: "/c3"},
	}
	for _, r := range chain {
		if err := sim.AddRedirect(r); err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, url, func(o *lms.Options) { o.SKUPrefix = "sku/" })
	for sku, state := range map[string]relay.SKUState{
		"plain": relay.SKUCourse, "encoded": relay.SKUCourse, "query": relay.SKUCourse, "nested": relay.SKUCourse, "mfe": relay.SKUCourse,
		"other": relay.SKUBroken, "hop": relay.SKUCourse, "loop": relay.SKUBroken, "nowhere": relay.SKUBroken, "badkey": relay.SKUBroken,
		"scheme": relay.SKUBroken, "a?b": relay.SKUCourse, "ünïcode sku": relay.SKUCourse, "far": relay.SKUBroken, "near": relay.SKUCourse,
		"T-SHIRT": relay.SKUNone, "../courses/" + course: relay.SKUNone, "..": relay.SKUNone, "a#b": relay.SKUNone,
	} {
		found, verdict := c.LookUp(t.Context(), sku)
		if verdict.Kind != lms.Answered || found.State != state || state == relay.SKUCourse && found.Course != course || state != relay.SKUCourse && found.Reason == "" {
			t.Errorf("%q: %+v, %+v", sku, found, verdict)
		}
	}
}

func TestHEADFallsBackToGETAndFailuresAreNoAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/down":
			w.WriteHeader(http.StatusBadGateway)
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusMethodNotAllowed)
		default:
			http.Redirect(w, r, "/courses/"+course, http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL)
	if found, _ := c.LookUp(t.Context(), "x"); found.Course != course {
		t.Errorf("%+v", found)
	}
	if _, verdict := c.LookUp(t.Context(), "down"); verdict.Kind != lms.Unreachable {
		t.Errorf("%+v", verdict)
	}
}

func TestTheLMSIsLookedAtWithoutBeingChanged(t *testing.T) {
	t.Parallel()
	sim, url := platform(t, lmssim.Settings{ThrottleOff: true})
	c := client(t, url)
	if v := c.Enroll(t.Context(), bulk("ann@x.example")); v.Results["ann@x.example"] != lms.Enrolled || !v.Account["ann@x.example"] {
		t.Fatalf("%+v", v)
	}
	if account, v := c.Account(t.Context(), "ann@x.example"); v.Kind != lms.Answered || account != (lms.Account{Exists: true, Username: "ann", Active: true}) {
		t.Errorf("%+v, %+v", account, v)
	}
	if account, v := c.Account(t.Context(), "nobody@x.example"); v.Kind != lms.Answered || account.Exists {
		t.Errorf("%+v, %+v", account, v)
	}
	for key, want := range map[string]bool{course: true, "course-v1:no+such+one": false} {
		if exists, v := c.Course(t.Context(), key); v.Kind != lms.Answered || exists != want {
			t.Errorf("%s: %t, %+v", key, exists, v)
		}
	}
	listed, v := c.Enrollments(t.Context(), course, []string{"ann@x.example"}, "")
	if v.Kind != lms.Answered || len(listed.Active) != 1 || listed.Active[0] != "ann" {
		t.Errorf("%+v, %+v", listed, v)
	}
	before := len(sim.AuditTrail())
	if v := c.Probe(t.Context()); v.Kind != lms.Answered {
		t.Errorf("%+v", v)
	}
	if len(sim.AuditTrail()) != before {
		t.Error("a probe left a trace")
	}
}

func TestDiagnosisFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	failed := func(checks []lms.Check) string {
		var names []string
		for _, c := range checks {
			if !c.OK {
				names = append(names, c.Name)
				if c.Hint == "" || c.Detail == "" {
					t.Errorf("%+v says too little", c)
				}
			}
		}
		return strings.Join(names, ",")
	}
	sim, url := platform(t, lmssim.Settings{})
	if got := failed(client(t, url).Diagnose(t.Context(), []string{course})); got != "" {
		t.Errorf("healthy: %s", got)
	}
	if got := failed(client(t, url).Diagnose(t.Context(), []string{"course-v1:no+such+one"})); got != "lms course" {
		t.Errorf("course: %s", got)
	}
	if got := failed(client(t, url, func(o *lms.Options) { o.ClientSecret = "" }).Diagnose(t.Context(), nil)); got != "lms token" {
		t.Errorf("secret: %s", got)
	}
	late := func(o *lms.Options) { o.Now = func() time.Time { return time.Now().Add(-time.Hour) } }
	if got := failed(client(t, url, late).Diagnose(t.Context(), nil)); !strings.HasPrefix(got, "lms clock") {
		t.Errorf("clock: %s", got)
	}
	if err := sim.Configure(lmssim.Settings{BulkDisabled: true}); err != nil {
		t.Fatal(err)
	}
	if got := failed(client(t, url).Diagnose(t.Context(), nil)); got != "lms enrolment" {
		t.Errorf("view: %s", got)
	}
	if got := failed(client(t, "http://127.0.0.1:1").Diagnose(t.Context(), nil)); !strings.Contains(got, "lms reach") {
		t.Errorf("away: %s", got)
	}
}

func TestAWrongURLIsRefusedAndASlowBodyEnds(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "lms.example", "ftp://x", "http://"} {
		if _, err := lms.New(lms.Options{URL: url}); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: %v", url, err)
		}
	}
	sim, url := platform(t, lmssim.Settings{})
	if _, err := sim.SetFault(lmssim.Fault{Kind: lmssim.FaultDrip, Endpoint: lmssim.EndpointBulk, Delay: lmssim.Duration(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if v := client(t, url).Enroll(ctx, bulk("ann@x.example")); v.Kind != lms.Unknown || !strings.Contains(v.Reason, "time-out") {
		t.Errorf("%+v", v)
	}
}

func FuzzAnyAnswerIsJudged(f *testing.F) {
	f.Add(200, `{"courses":{"`+course+`":{"results":[{"identifier":"a@x.example","after":{"enrollment":true}}]}}}`, "1")
	f.Add(429, `{"detail":"Expected available in 99999999999999999999 seconds"}`, "Wed, 21 Oct 2015 07:28:00 GMT")
	f.Add(404, `[]`, "")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		if status < 200 || status > 599 || strings.ContainsAny(after, "\r\n\x00") {
			return
		}
		answer := lms.JudgeBulk(bulk("a@x.example"), status, http.Header{"Retry-After": {after}}, []byte(body))
		if answer.Kind == "" || answer.After < 0 {
			t.Errorf("%+v", answer)
		}
		if answer.Kind == lms.Answered && answer.Results["a@x.example"] == "" {
			t.Errorf("a learner without a result: %+v", answer)
		}
	})
}
