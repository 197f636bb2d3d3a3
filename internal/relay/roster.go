package relay

import "time"

// Person is somebody whom the roster knows; told apart by e-mail without case.
type Person struct {
	Email    string `json:"email"`
	Username string `json:"username"`
	Name     string `json:"name"`
}

// CourseRun is a course run that the roster knows.
type CourseRun struct {
	CourseID string     `json:"course_id"`
	Title    string     `json:"title"`
	Start    *time.Time `json:"start"`
}

// RosterRequest asks for a person to be put into a course run.
type RosterRequest struct {
	Email    string
	CourseID string
	Mode     string // "" is audit
	Role     string // kept for people only
	Source   string // name of the source that asks
}

// RosterEntry is edrelay's own record of one person in one course run.
type RosterEntry struct {
	ID        int64     `json:"id"`
	Email     string    `json:"email"`
	CourseID  string    `json:"course_id"`
	Mode      string    `json:"mode"`
	Active    bool      `json:"active"`
	CreatedAt time.Time `json:"created_at"`
	Created   bool      `json:"-"` // made by this call
}

// RosterMissing says which part of a request the roster does not know.
type RosterMissing string

// What a roster may not know.
const (
	MissingPerson RosterMissing = "person"
	MissingCourse RosterMissing = "course"
)

// RosterUnknown is the error of a request for a person or course run that the roster does not know; the request
// is listed as pending.
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
	Since    time.Time     `json:"since"`
}
