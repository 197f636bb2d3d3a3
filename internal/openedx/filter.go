package openedx

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Filter is one filter of Open edX: what the platform asks before it does something.
type Filter struct {
	Class      string            `json:"class"`      // "CourseEnrollmentStarted"
	Type       string            `json:"type"`       // "org.openedx.learning.course.enrollment.started.v1"
	Stored     string            `json:"stored"`     // the name under which the plugin's admin form stores it, when it is another
	Plugin     bool              `json:"plugin"`     // whether the openedx-webhooks plugin asks it
	Args       []string          `json:"args"`       // arguments of the filter with their types, in order
	Payload    []string          `json:"payload"`    // keys of what the plugin posts; none for a form at the top level
	Data       map[string]Answer `json:"data"`       // keys of data that an answer may set; "*" stands for every argument
	Halt       string            `json:"halt"`       // exception for halting by status or request error; "" when it can't halt
	Exceptions []Exception       `json:"exceptions"` // in the order in which the plugin looks for them
	Secret     []string          `json:"secret"`     // form fields that must never leave
	About      string            `json:"about"`      // one sentence for people
}

// Answer says what the plugin does with a key of data.
type Answer string

// The ways in which an answer is used.
const (
	AnswerModel     Answer = "model"      // fields are set on a database row and saved
	AnswerObject    Answer = "object"     // attributes are set in memory
	AnswerMerge     Answer = "merge"      // keys are merged into the context
	AnswerReplace   Answer = "replace"    // the argument is replaced whole
	AnswerCourseKey Answer = "course-key" // must be a course key, else the platform fails
	AnswerForm      Answer = "form"       // form fields are replaced
	AnswerNever     Answer = "never"      // always fails in the platform: must not be sent
)

// Exception is a way to halt a filter.
type Exception struct {
	Name   string   `json:"name"`   // "PreventEnrollment"
	Fields []string `json:"fields"` // what its constructor takes
	Any    bool     `json:"any"`    // it takes any further keyword
	Broken bool     `json:"broken"` // the plugin can't raise it: the platform shows an error page
}

// Takes tells whether the exception's constructor takes a field.
func (e Exception) Takes(field string) bool { return e.Any || slices.Contains(e.Fields, field) }

// Exception gives an exception of the filter by name.
func (f Filter) Exception(name string) (Exception, bool) {
	for _, e := range f.Exceptions {
		if e.Name == name {
			return e, true
		}
	}
	return Exception{}, false
}

// Filters gives all filters, sorted by class.
func (c *Catalogue) Filters() []Filter { return slices.Clone(c.filters) }

// Filter finds a filter by its class, by the name that the plugin's admin form stores for it, or by its type;
// letter case does not matter.
func (c *Catalogue) Filter(name string) (Filter, bool) {
	if i, ok := c.filterIndex[strings.ToLower(name)]; ok {
		return c.filters[i], true
	}
	return Filter{}, false
}

// SecretField tells whether a field of a user, profile or form holds a secret (a password or its hash, a token)
// that must never leave.
func SecretField(name string) bool {
	name = strings.ToLower(name)
	for _, part := range [...]string{"password", "passwd", "secret", "token", "api_key", "session_key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// IdentityField tells whether setting a field of a user by an answer could forge who somebody is or what they may do.
func IdentityField(name string) bool {
	switch strings.ToLower(name) {
	case "id", "pk", "user_id", "is_superuser", "is_staff", "is_active", "email", "username", "last_login", "date_joined",
		"groups", "user_permissions", "roles":
		return true
	}
	return SecretField(name)
}

func (c *Catalogue) loadFilters() error {
	if err := json.Unmarshal(filtersFile, &c.filters); err != nil {
		return err
	}
	slices.SortFunc(c.filters, func(a, b Filter) int { return strings.Compare(a.Class, b.Class) })
	for i, f := range c.filters {
		for _, name := range []string{f.Class, f.Stored, f.Type} {
			key := strings.ToLower(name)
			if other, taken := c.filterIndex[key]; taken && other != i {
				return fmt.Errorf("%s is the name of two filters", name)
			}
			if key != "" {
				c.filterIndex[key] = i
			}
		}
		if _, ok := f.Exception(f.Halt); f.Halt != "" && !ok {
			return fmt.Errorf("%s halts by %s, which it doesn't have", f.Class, f.Halt)
		}
	}
	return nil
}
