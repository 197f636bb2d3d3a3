package lmssim_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

func TestStaffMayMake120EnrolmentCallsAMinuteOverAllEndpoints(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{APIKey: "k3y"})
	calls := []func() answer{
		func() answer { return p.bulk("a@x.example") },
		func() answer { return p.staff("GET", "/api/enrollment/v1/enrollments", "") },
		func() answer { return p.staff("GET", "/api/enrollment/v1/enrollment/worker,"+course, "") },
		func() answer { return p.staff("GET", "/api/enrollment/v1/enrollment_allowed/", "") },
	}
	for i := range 120 {
		if i == 60 {
			p.clock.Move(23500 * time.Millisecond)
		}
		if a := calls[i%len(calls)](); a.status != 200 {
			t.Fatalf("call %d: %d %s", i, a.status, a.body)
		}
	}
	for i, call := range calls {
		a := call()
		if a.status != 429 || string(a.body) != `{"detail":"Request was throttled. Expected available in 37 seconds."}` || a.header.Get("Retry-After") != "37" {
			t.Errorf("%d: %d %s %q", i, a.status, a.body, a.header.Get("Retry-After"))
		}
	}
	form := url.Values{"action": {"enroll"}, "courses": {course}, "identifiers": {"a@x.example"}}
	if a := p.form(bulkPath, form, "Authorization", p.auth, "X-Edx-Api-Key", "k3y"); a.status != 200 {
		t.Errorf("API key: %d", a.status)
	}
	if a := p.form(bulkPath, form, "Authorization", p.auth, "X-Edx-Api-Key", "wrong"); a.status != 429 {
		t.Errorf("wrong API key: %d", a.status)
	}
	if a := p.form(bulkPath, form); a.status != 401 {
		t.Errorf("authentication comes first: %d", a.status)
	}
	p.clock.Move(37 * time.Second) // the first half has left the window, refused calls never counted
	for i := range 60 {
		if a := p.bulk("a@x.example"); a.status != 200 {
			t.Fatalf("later call %d: %d", i, a.status)
		}
	}
	if a := p.bulk("a@x.example"); a.status != 429 {
		t.Errorf("%d", a.status)
	}
	p.must(p.Configure(lmssim.Settings{ThrottleOff: true}))
	if a := p.bulk("a@x.example"); a.status != 200 {
		t.Errorf("off: %d", a.status)
	}
}

func TestOthersMayMake40EnrolmentCallsAMinute(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner(learner)
	p.must(p.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: username}))
	p.auth = "Bearer " + p.token("")
	for i := range 40 {
		if a := p.staff("GET", "/api/enrollment/v1/enrollment/"+course, ""); a.status != 200 {
			t.Fatalf("call %d: %d %s", i, a.status, a.body)
		}
	}
	if a := p.staff("GET", "/api/enrollment/v1/enrollment/"+course, ""); a.status != 429 {
		t.Errorf("%d", a.status)
	}
	if a := p.bulk(learner); a.status != 403 || string(a.body) != `{"detail":"You do not have permission to perform this action."}` {
		t.Errorf("staff comes before the throttle: %d %s", a.status, a.body)
	}
}

func TestValidationComesAfterTheThrottle(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	for range 120 {
		if a := p.staff("POST", bulkPath, `{}`); a.status != 400 {
			t.Fatalf("%d", a.status)
		}
	}
	if a := p.staff("POST", bulkPath, `{}`); a.status != 429 {
		t.Errorf("%d", a.status)
	}
	if a := p.staff("GET", bulkPath, ""); a.status != 429 {
		t.Errorf("GET: %d", a.status)
	}
	p.clock.Move(time.Minute)
	if a := p.staff("GET", bulkPath, ""); a.status != 405 || string(a.body) != `{"detail":"Method \"GET\" not allowed."}` {
		t.Errorf("GET: %d %s", a.status, a.body)
	}
}

func TestStatsKnowTheBusiestMinute(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{ThrottleOff: true})
	for range 5 {
		p.bulk("a@x.example")
		p.clock.Move(20 * time.Second)
	}
	if got := p.Stats().BusiestMinute; got != 3 {
		t.Errorf("%d", got)
	}
}
