package relay

import "time"

// Person is somebody whom the roster knows, told apart by e-mail address without case.
type Person struct {
	Email    string    `json:"email"`
	Username string    `json:"username"` // may be empty
	Name     string    `json:"name"`     // may be empty
	SeenAt   time.Time `json:"-"`        // of the news; older news change nothing
}

// CourseRun is a course run that the roster knows.
type CourseRun struct {
	CourseID string     `json:"course_id"`
	Title    string     `json:"title"` // may be empty
	Start    *time.Time `json:"start"`
	SeenAt   time.Time  `json:"-"` // of the news; older news change nothing
}

// RosterRequest asks for a person to be put into a course run.
type RosterRequest struct {
	Email    string
	CourseID string
	Mode     string // "" is audit
	Role     string // kept for people only
	Source   string // name of the source that asks
	Retry    bool   // do it later, when the person or course run has become known
}

// RosterEntry is edrelay's own record of one person in one course run.
type RosterEntry struct {
	ID        int64     `json:"id"`
	Email     string    `json:"email"`
	CourseID  string    `json:"course_id"`
	Mode      string    `json:"mode"`
	Active    bool      `json:"active"`
	CreatedAt time.Time `json:"created_at"`
	Created   bool      `json:"-"` // made by this very request
}

// RosterQuery chooses entries of the roster; empty fields choose all. Sorted by ID.
type RosterQuery struct {
	Page
	State    string // "active", "inactive" or ""
	Email    string // without case
	CourseID string
}

// RosterMissing says what a roster does not know.
type RosterMissing string

// What a roster may not know; the person is looked for first.
const (
	MissingPerson RosterMissing = "person"
	MissingCourse RosterMissing = "course"
)

// RosterUnknown is the error of a request for a person or course run that the roster does not know. The request is
// listed as pending.
type RosterUnknown struct{ Missing RosterMissing }

// Error names what is missing.
func (e *RosterUnknown) Error() string { return "the roster does not know the " + string(e.Missing) }

// RosterPending is a request that waits for its person or course run to become known.
type RosterPending struct {
	ID       int64         `json:"id"`
	Email    string        `json:"email"`
	CourseID string        `json:"course_id"`
	Mode     string        `json:"mode"`
	Missing  RosterMissing `json:"missing"`
	Retry    bool          `json:"retry"` // done by itself once all is known
	Since    time.Time     `json:"since"`
	LastAt   time.Time     `json:"last_at"`
}

// RosterSync is what came of asking the LMS for people and course runs.
type RosterSync struct {
	CourseRuns int `json:"course_runs"` // taken from the LMS
	People     int `json:"people"`      // found of those whom somebody asked for and the roster did not know
	Unknown    int `json:"unknown"`     // of those, not known to the LMS either
}
