package lms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

const bulkPath = "/api/bulk_enroll/v1/bulk_enroll" // with a slash behind it is 404

// Bulk is one bulk enrolment call: many learners, one course.
type Bulk struct {
	Enroll     bool // false: unenrol
	Course     string
	Learners   []string // addresses, each once
	AutoEnroll bool
	Mail       bool // the LMS writes to every learner of the call
}

// IsAddress tells whether the platform would take text for one e-mail address: without "@" it looks for a username, and
// at a comma or white space for several learners.
func IsAddress(text string) bool {
	local, domain, found := strings.Cut(text, "@")
	return found && local != "" && domain != "" && len(text) <= 254 && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) })
}

// Enroll makes one bulk call and judges each learner of it.
func (c *Client) Enroll(ctx context.Context, bulk Bulk) Verdict {
	action := "unenroll"
	if bulk.Enroll {
		action = "enroll"
	}
	answer, verdict := c.call(ctx, request{method: http.MethodPost, path: bulkPath, form: url.Values{
		"action": {action}, "courses": {bulk.Course}, "identifiers": {strings.Join(bulk.Learners, ",")},
		"auto_enroll": {boolean(bulk.AutoEnroll)}, "email_students": {boolean(bulk.Mail)},
	}})
	if verdict != nil {
		return *verdict
	}
	return judgeBulk(bulk, answer)
}

func judgeBulk(bulk Bulk, answer reply) Verdict {
	switch answer.status {
	case http.StatusOK:
		return readBulk(bulk, answer)
	case http.StatusNotFound:
		if answer.isJSON() {
			return Verdict{Kind: UnknownCourse, Status: answer.status, Reason: "the LMS has no such course"}
		}
		return noView(answer.status)
	case http.StatusBadRequest:
		return badBulk(answer)
	}
	return Verdict{Kind: Refused, Status: answer.status, Reason: "the LMS does not take bulk enrolment calls", Hint: "Check lms.url and the version of the platform."}
}

// Probe asks whether bulk enrolment would be heard, with a call that enrols nobody: the platform checks token, staff,
// view and throttle before it misses the fields. Answered means that it would.
func (c *Client) Probe(ctx context.Context) Verdict {
	answer, verdict := c.call(ctx, request{method: http.MethodPost, path: bulkPath, form: url.Values{"action": {"enroll"}}})
	if verdict != nil {
		return *verdict
	}
	switch {
	case answer.status == http.StatusBadRequest && answer.isJSON():
		return Verdict{Kind: Answered, Status: answer.status}
	case answer.status == http.StatusNotFound:
		return noView(answer.status)
	}
	return Verdict{Kind: Refused, Status: answer.status, Reason: "the LMS does not take bulk enrolment calls", Hint: "Check lms.url and the version of the platform."}
}

func noView(status int) Verdict {
	return Verdict{
		Kind: Refused, Status: status, Reason: "the bulk enrolment view is disabled at the LMS, or lms.url is wrong",
		Hint: "Set ENABLE_BULK_ENROLLMENT_VIEW in FEATURES of the LMS.",
	}
}

// badBulk reads which field the platform complains about.
func badBulk(answer reply) Verdict {
	var fields map[string]json.RawMessage
	if json.Unmarshal(answer.body, &fields) != nil {
		return Verdict{Kind: Malformed, Status: answer.status, Reason: "the LMS calls the request malformed"}
	}
	if _, ok := fields["courses"]; ok {
		return Verdict{Kind: BadCourse, Status: answer.status, Reason: "the LMS says that this is no course key"}
	}
	if _, ok := fields["identifiers"]; ok {
		return Verdict{Kind: Malformed, Status: answer.status, Reason: "the LMS does not accept the learner's address"}
	}
	return Verdict{Kind: Malformed, Status: answer.status, Reason: "the LMS calls the request malformed"}
}

type bulkAnswer struct {
	Courses map[string]struct {
		Results *[]bulkResult `json:"results"`
	} `json:"courses"`
}

type bulkResult struct {
	Identifier string     `json:"identifier"`
	Invalid    bool       `json:"invalidIdentifier"`
	Error      bool       `json:"error"`
	Before     *bulkFlags `json:"before"`
	After      *bulkFlags `json:"after"`
}

type bulkFlags struct {
	User       bool `json:"user"`
	Enrollment bool `json:"enrollment"`
	Allowed    bool `json:"allowed"`
}

// readBulk judges a 200 by its content: the status alone says nothing about a learner.
func readBulk(bulk Bulk, answer reply) Verdict {
	var body bulkAnswer
	if err := json.Unmarshal(answer.body, &body); err != nil {
		return Verdict{Kind: Unknown, Status: answer.status, Reason: "the LMS's answer can't be read"}
	}
	course, ok := body.Courses[bulk.Course]
	if !ok || course.Results == nil {
		return Verdict{Kind: Unknown, Status: answer.status, Reason: "the LMS's answer says nothing about the learners"}
	}
	verdict := Verdict{Kind: Answered, Status: answer.status, Results: map[string]Result{}, Account: map[string]bool{}}
	byKey := make(map[string]bulkResult, len(*course.Results))
	for _, one := range *course.Results {
		byKey[strings.ToLower(one.Identifier)] = one
	}
	for _, learner := range bulk.Learners {
		one, ok := byKey[strings.ToLower(learner)]
		verdict.Results[learner] = Failed
		if ok {
			verdict.Results[learner] = one.judge(bulk.Enroll)
			verdict.Account[learner] = one.Before != nil && one.Before.User || one.After != nil && one.After.User
		}
	}
	return verdict
}

func (r bulkResult) judge(enroll bool) Result {
	switch {
	case r.Invalid && !enroll:
		return Unenrolled // nobody to take out
	case r.Invalid:
		return Invalid
	case r.Error, r.After == nil:
		return Failed
	case enroll && r.After.Enrollment:
		return Enrolled
	case enroll && r.After.Allowed:
		return Allowed
	case enroll:
		return NoEffect
	case r.After.Enrollment || r.After.Allowed:
		return Failed
	}
	return Unenrolled
}

// boolean writes what every release acts on.
func boolean(value bool) string {
	if value {
		return "True"
	}
	return "False"
}
