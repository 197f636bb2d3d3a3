package lmssim

import (
	"errors"
	"net/http"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// errUnknownCourse ends a bulk call in a course that does not exist.
var errUnknownCourse = errors.New("unknown course")

type bulkAnswer struct {
	AutoEnroll    bool                  `json:"auto_enroll"`
	EmailStudents bool                  `json:"email_students"`
	Action        campus.Action         `json:"action"`
	Courses       map[string]bulkCourse `json:"courses"`
}

type bulkCourse struct {
	Action     campus.Action `json:"action"`
	AutoEnroll bool          `json:"auto_enroll"`
	Results    []bulkResult  `json:"results,omitzero"`
}

type bulkResult struct {
	Identifier string     `json:"identifier"`
	Invalid    bool       `json:"invalidIdentifier,omitempty"`
	Error      bool       `json:"error,omitempty"`
	Before     *bulkFlags `json:"before,omitempty"`
	After      *bulkFlags `json:"after,omitempty"`
	Success    *bool      `json:"success,omitempty"`
	Transition string     `json:"state_transition,omitempty"`
	ErrorType  string     `json:"error_type,omitempty"`
	ErrorText  string     `json:"error_message,omitempty"`
}

type bulkFlags struct {
	User       bool    `json:"user"`
	Enrollment bool    `json:"enrollment"`
	Allowed    bool    `json:"allowed"`
	AutoEnroll bool    `json:"auto_enroll"`
	Cohort     *cohort `json:"cohort,omitempty"`
}

// cohort is a name, or null for none; a nil pointer leaves the key out.
type cohort string

// MarshalJSON writes null for no name.
func (c cohort) MarshalJSON() ([]byte, error) {
	if c == "" {
		return []byte("null"), nil
	}
	return jsonText(string(c)), nil
}

// bulkEnroll is POST /api/bulk_enroll/v1/bulk_enroll: authentication, staff, throttle, validation, then each course.
func (s *Server) bulkEnroll(c *call) reply {
	if c.set.BulkDisabled {
		return page(http.StatusNotFound, "Page not found")
	}
	if r, ok := s.requireStaff(c, false); !ok {
		return r
	}
	if r, limited := s.throttled(c); limited {
		return r
	}
	if c.req.Method != http.MethodPost {
		return methodNotAllowed(c.req.Method, "POST, OPTIONS")
	}
	form, bad := s.readBulkForm(c)
	if bad.status != 0 {
		return bad
	}
	answer := bulkAnswer{
		AutoEnroll:    form.autoEnroll.echoed,
		EmailStudents: form.mail.echoed,
		Action:        form.action,
		Courses:       map[string]bulkCourse{},
	}
	err := s.campus.Do(c.set.AtomicRequests, func(t *campus.Tx) error {
		for i, key := range form.courses {
			course, err := s.bulkOneCourse(t, c, form, i)
			if err != nil {
				return err
			}
			answer.Courses[key] = course
		}
		return nil
	})
	if err != nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	return jsonReply(http.StatusOK, answer)
}

// bulkOneCourse works all learners of one course.
func (s *Server) bulkOneCourse(t *campus.Tx, c *call, form bulkForm, i int) (bulkCourse, error) {
	key := form.courses[i]
	if _, known := t.Course(key); !known && (c.set.Profile == Teak || form.mail.acted) {
		return bulkCourse{}, errUnknownCourse
	}
	change := campus.Change{
		Course:     key,
		Action:     form.action,
		AutoEnroll: form.autoEnroll.acted,
		Mail:       form.mail.acted,
		Reason:     form.reason,
		Actor:      c.user.Username,
		Trouble:    s.faults.trouble(c, key),
	}
	if len(form.cohorts) > 0 {
		change.Cohort = form.cohorts[i]
	}
	course := bulkCourse{Action: form.action, AutoEnroll: form.autoEnroll.acted}
	results := make([]bulkResult, len(form.identifiers))
	for n, identifier := range form.identifiers {
		change.Identifier = identifier
		results[n] = bulkResultOf(change, t.Apply(change), c.set.Profile)
	}
	if !form.async {
		course.Results = results
	}
	return course, nil
}

func bulkResultOf(change campus.Change, out campus.Outcome, profile Profile) bulkResult {
	r := bulkResult{Identifier: change.Identifier}
	switch {
	case out.Invalid:
		r.Invalid = true
		r.ErrorType, r.ErrorText = "invalid_identifier", "Invalid email address or username"
	case out.Failed != "":
		r.Error = true
		r.ErrorType, r.ErrorText = "general_error", out.Failed
	default:
		r.Before, r.After = bulkFlagsOf(out.Before, change), bulkFlagsOf(out.After, change)
		r.Transition = out.Transition
	}
	if profile != Next {
		r.Transition, r.ErrorType, r.ErrorText = "", "", ""
		return r
	}
	success := r.Before != nil
	r.Success = &success
	return r
}

func bulkFlagsOf(f campus.Flags, change campus.Change) *bulkFlags {
	flags := &bulkFlags{User: f.User, Enrollment: f.Enrollment, Allowed: f.Allowed, AutoEnroll: f.AutoEnroll}
	if change.Cohort != "" {
		name := cohort(f.Cohort)
		flags.Cohort = &name
	}
	return flags
}
