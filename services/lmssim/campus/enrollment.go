package campus

import (
	"cmp"
	"slices"
	"time"
)

// Enrollment is one account in one course; a learner who left keeps an inactive row.
type Enrollment struct {
	ID      int64     `json:"id"`
	User    string    `json:"user"` // username
	Course  string    `json:"course"`
	Mode    string    `json:"mode"`
	Active  bool      `json:"is_active"`
	Created time.Time `json:"created"`
}

// Allowance lets an address without an active account into a course later.
type Allowance struct {
	Email      string `json:"email"`
	Course     string `json:"course"`
	AutoEnroll bool   `json:"auto_enroll"` // the account is enrolled when it becomes active
}

// Enrollment finds the row of an account in a course, active or not.
func (t *Tx) Enrollment(username, course string) (Enrollment, bool) {
	if e := t.enrollments[seat{username, course}]; e != nil {
		return *e, true
	}
	return Enrollment{}, false
}

// Allowance finds the allowance of an address for a course.
func (t *Tx) Allowance(email, course string) (Allowance, bool) {
	if a := t.allowances[seat{t.fold(email), course}]; a != nil {
		return *a, true
	}
	return Allowance{}, false
}

// SetEnrollment writes the row of an account in a course; an empty mode is the course's default.
func (t *Tx) SetEnrollment(username, course, mode string, active bool) Enrollment {
	key := seat{username, course}
	row := Enrollment{User: username, Course: course, Mode: cmp.Or(mode, t.defaultMode(course)), Active: active}
	if old := t.enrollments[key]; old != nil {
		row.ID, row.Created = old.ID, old.Created
	} else {
		t.lastRow++
		row.ID, row.Created = t.lastRow, t.Now()
	}
	put(t, t.enrollments, key, &row)
	return row
}

// SetAllowance writes the allowance of an address for a course; the flag of an earlier one is overwritten.
func (t *Tx) SetAllowance(email, course string, auto bool) {
	row := Allowance{Email: email, Course: course, AutoEnroll: auto}
	key := seat{t.fold(email), course}
	if old := t.allowances[key]; old != nil {
		row.Email = old.Email
	}
	put(t, t.allowances, key, &row)
	t.allowedCourses[course] = true
}

// DropAllowance deletes an allowance; false when there is none.
func (t *Tx) DropAllowance(email, course string) bool {
	key := seat{t.fold(email), course}
	_, had := t.allowances[key]
	drop(t, t.allowances, key)
	return had
}

// enroll puts an account into a course: an active row is kept as it is, an inactive one comes back in the
// course's default mode.
func (t *Tx) enroll(u *User, course string) {
	if e := t.enrollments[seat{u.Username, course}]; e == nil || !e.Active {
		t.SetEnrollment(u.Username, course, "", true)
	}
}

// unenroll makes the row of an account inactive; its mode stays.
func (t *Tx) unenroll(u *User, course string) {
	if e := t.enrollments[seat{u.Username, course}]; e != nil && e.Active {
		t.SetEnrollment(u.Username, course, e.Mode, false)
	}
}

// EnrollmentQuery narrows a list of enrolments; empty fields match all.
type EnrollmentQuery struct {
	Course    string
	Usernames []string
	Emails    []string
}

// Enrollments lists rows, active or not, in the order in which they were made.
func (t *Tx) Enrollments(q EnrollmentQuery) []Enrollment {
	var emails []string
	for _, e := range q.Emails {
		emails = append(emails, t.fold(e))
	}
	found := []Enrollment{}
	for _, row := range t.enrollments {
		if q.Course != "" && row.Course != q.Course {
			continue
		}
		if len(q.Usernames) > 0 && !slices.Contains(q.Usernames, row.User) {
			continue
		}
		if len(emails) > 0 {
			u := t.users[row.User]
			if u == nil || !slices.Contains(emails, t.fold(u.Email)) {
				continue
			}
		}
		found = append(found, *row)
	}
	slices.SortFunc(found, func(a, b Enrollment) int { return cmp.Compare(a.ID, b.ID) })
	return found
}

// Allowances lists the allowances of an address, or all for "", sorted by address and course.
func (t *Tx) Allowances(email string) []Allowance {
	found := []Allowance{}
	for _, row := range t.allowances {
		if email == "" || t.fold(row.Email) == t.fold(email) {
			found = append(found, *row)
		}
	}
	slices.SortFunc(found, func(a, b Allowance) int {
		return cmp.Or(cmp.Compare(a.Email, b.Email), cmp.Compare(a.Course, b.Course))
	})
	return found
}
