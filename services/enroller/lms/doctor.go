package lms

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Check is one thing that was tried at the LMS.
type Check struct {
	Name   string
	OK     bool
	Detail string // what was found
	Hint   string // what to do; "" when OK
}

// maxSkew is how far the clocks may be apart; the platform checks the times in tokens.
const maxSkew = 30 * time.Second

// Diagnose tries all that enrolling needs, without enrolling anybody: reach, clock, client, staff, view, and whether
// courses exist. It goes on after a failure where that makes sense.
func (c *Client) Diagnose(ctx context.Context, courses []string) []Check {
	checks := []Check{c.checkClock(ctx)}
	c.token.Store(nil) // a token at hand would hide a wrong secret
	if _, verdict := c.authorize(ctx); verdict != nil {
		return append(checks, checked("lms token", *verdict))
	}
	checks = append(checks, Check{Name: "lms token", OK: true, Detail: "the LMS accepts lms.client_id and lms.client_secret"})
	probe := checked("lms enrolment", c.Probe(ctx))
	if probe.OK {
		probe.Detail = "bulk enrolment is enabled and edrelay's user is staff"
	}
	checks = append(checks, probe)
	for _, course := range courses {
		check := Check{Name: "lms course", OK: true, Detail: course + " exists"}
		exists, verdict := c.Course(ctx, course)
		if verdict.Kind != Answered {
			check = checked("lms course", verdict)
		} else if !exists {
			check = Check{Name: "lms course", Detail: course + " is unknown to the LMS, or hidden", Hint: "Compare the SKU in the shop with the course's id."}
		}
		checks = append(checks, check)
	}
	return checks
}

func checked(name string, verdict Verdict) Check {
	if verdict.Kind == Answered {
		return Check{Name: name, OK: true}
	}
	detail, hint := verdict.Reason, verdict.Hint
	if verdict.Kind == Throttled {
		detail, hint = fmt.Sprintf("%s; it asks to wait %s", detail, verdict.After), "Lower lms.calls_per_minute, or wait."
	}
	if hint == "" {
		hint = "Check lms.url and that the LMS runs."
	}
	return Check{Name: name, Detail: detail, Hint: hint}
}

// checkClock reaches the LMS and compares its clock with ours.
func (c *Client) checkClock(ctx context.Context) Check {
	answer := c.do(ctx, request{method: http.MethodGet, path: tokenPath}, "")
	if answer.err != nil {
		return Check{Name: "lms reach", Detail: "the LMS can't be reached: " + describe(answer.err), Hint: "Check lms.url and that the LMS runs."}
	}
	date, err := http.ParseTime(answer.header.Get("Date"))
	if err != nil {
		return Check{Name: "lms reach", OK: true, Detail: "the LMS answers; its clock is not known"}
	}
	if skew := c.options.Now().Sub(date).Abs(); skew > maxSkew {
		return Check{Name: "lms clock", Detail: fmt.Sprintf("the clocks are %s apart", skew.Round(time.Second)), Hint: "Set both clocks by NTP; tokens carry times."}
	}
	return Check{Name: "lms reach", OK: true, Detail: "the LMS answers and the clocks agree"}
}
