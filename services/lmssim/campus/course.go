package campus

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
)

// About is what a course's about page answers.
type About string

// What an about page can do.
const (
	AboutPage    About = "page"    // 200
	AboutLogin   About = "login"   // 302 to /login?next=…
	AboutMFE     About = "mfe"     // 302 to another host
	AboutMissing About = "missing" // 404
)

// Course is one course run.
type Course struct {
	Key         string   `json:"key"` // "course-v1:org+course+run"
	Name        string   `json:"name,omitempty"`
	Hidden      bool     `json:"hidden,omitempty"`       // not visible in the courses API
	Cohorts     []string `json:"cohorts,omitempty"`      // names
	DefaultMode string   `json:"default_mode,omitempty"` // of an enrolment that names none; "audit" when empty
	Modes       []string `json:"modes,omitempty"`        // on offer; the default mode when empty
	Closed      bool     `json:"closed,omitempty"`       // enrolment is over; bulk enrolment does not care
	Full        bool     `json:"full,omitempty"`         // no seat left; bulk enrolment does not care
	InviteOnly  bool     `json:"invite_only,omitempty"`
	About       About    `json:"about,omitempty"` // AboutPage when empty
}

var courseKey = regexp.MustCompile(
	`^(course-v1:[\p{L}\p{N}_\-~.:]+\+[\p{L}\p{N}_\-~.:]+\+[\p{L}\p{N}_\-~.:]+` +
		`|ccx-v1:[\p{L}\p{N}_\-~.:]+\+[\p{L}\p{N}_\-~.:]+\+[\p{L}\p{N}_\-~.:]+\+ccx@[0-9]+` +
		`|[\p{L}\p{N}_\-~.:]+/[\p{L}\p{N}_\-~.:]+/[\p{L}\p{N}_\-~.:]+)$`)

// ValidCourseKey tells whether text is the key of a course run, known or not.
func ValidCourseKey(text string) bool { return len(text) <= 255 && courseKey.MatchString(text) }

// AddCourse adds a course or replaces the one of that key.
func (t *Tx) AddCourse(c Course) error {
	if !ValidCourseKey(c.Key) {
		return fmt.Errorf("add course: %q is no course key like course-v1:org+course+run", c.Key)
	}
	c.DefaultMode = cmp.Or(c.DefaultMode, "audit")
	if len(c.Modes) == 0 {
		c.Modes = []string{c.DefaultMode}
	}
	c.About = cmp.Or(c.About, AboutPage)
	c.Cohorts, c.Modes = slices.Clone(c.Cohorts), slices.Clone(c.Modes)
	t.courses[c.Key] = &c
	return nil
}

// RemoveCourse forgets a course; its enrolments stay, as in a database without foreign keys.
func (t *Tx) RemoveCourse(key string) error {
	if t.courses[key] == nil {
		return fmt.Errorf("course %q: %w", key, ErrUnknown)
	}
	delete(t.courses, key)
	return nil
}

// AddCohort adds a cohort to a course.
func (t *Tx) AddCohort(key, name string) error {
	course := t.courses[key]
	if course == nil {
		return fmt.Errorf("course %q: %w", key, ErrUnknown)
	}
	if name == "" {
		return fmt.Errorf("course %q: a cohort needs a name", key)
	}
	if !slices.Contains(course.Cohorts, name) {
		course.Cohorts = append(course.Cohorts, name)
	}
	return nil
}

// Course finds a course by its key.
func (t *Tx) Course(key string) (Course, bool) {
	if c := t.courses[key]; c != nil {
		return *c, true
	}
	return Course{}, false
}

// HasCohort tells whether a course has a cohort of that name.
func (t *Tx) HasCohort(key, name string) bool {
	c := t.courses[key]
	return c != nil && slices.Contains(c.Cohorts, name)
}

func (t *Tx) defaultMode(key string) string {
	if c := t.courses[key]; c != nil {
		return c.DefaultMode
	}
	return "audit"
}
