package campus

import (
	"strings"
	"sync"
	"time"
)

// Options say how a campus compares and how much it remembers.
type Options struct {
	Now           func() time.Time
	CaseSensitive bool // compare addresses with case, as some databases do
	KeepMails     int  // newest mails kept in the list; the counts per learner and course know all
	KeepAudit     int  // newest audit rows kept
}

// Campus holds the state. Safe for concurrent use.
type Campus struct {
	mu sync.Mutex
	Options
	tables
}

type tables struct {
	users       map[string]*User   // by username
	byEmail     map[string][]*User // by folded address
	lastUser    int64
	courses     map[string]*Course
	enrollments map[seat]*Enrollment // who is the username
	allowances  map[seat]*Allowance  // who is the folded address
	// allowedCourses are the courses that ever had an allowance.
	allowedCourses map[string]bool
	cohorts        map[seat]string // who is the folded address
	lastRow        int64
	mails          []Mail
	mailCount      map[seat]int // who is the folded address
	audit          []Audit
}

// seat is one learner in one course.
type seat struct{ who, course string }

// New makes an empty campus.
func New(opt Options) *Campus {
	c := &Campus{Options: opt}
	c.Reset()
	return c
}

// Reset empties the campus.
func (c *Campus) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables = tables{
		users:          map[string]*User{},
		byEmail:        map[string][]*User{},
		courses:        map[string]*Course{},
		enrollments:    map[seat]*Enrollment{},
		allowances:     map[seat]*Allowance{},
		allowedCourses: map[string]bool{},
		cohorts:        map[seat]string{},
		mailCount:      map[seat]int{},
	}
}

// Tx is the campus while one request has it for itself; it must not be kept after Do.
type Tx struct {
	*Campus
	undo []func()
}

// Do runs f alone with the campus. When f fails and rollback is set, what f did to enrolments, allowances and
// cohorts is taken back; mails are not. The error of f is returned as it is.
func (c *Campus) Do(rollback bool, f func(*Tx) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &Tx{Campus: c}
	err := f(t)
	if err != nil && rollback {
		for i := len(t.undo) - 1; i >= 0; i-- {
			t.undo[i]()
		}
	}
	return err
}

// Read runs f alone with the campus.
func (c *Campus) Read(f func(*Tx)) {
	_ = c.Do(false, func(t *Tx) error { f(t); return nil })
}

func (c *Campus) fold(email string) string {
	if c.CaseSensitive {
		return email
	}
	return strings.ToLower(email)
}

// put writes a row and remembers how to take that back.
func put[K comparable, V any](t *Tx, table map[K]V, key K, value V) {
	old, had := table[key]
	t.undo = append(t.undo, func() {
		if had {
			table[key] = old
		} else {
			delete(table, key)
		}
	})
	table[key] = value
}

// drop deletes a row and remembers how to take that back.
func drop[K comparable, V any](t *Tx, table map[K]V, key K) {
	old, had := table[key]
	if !had {
		return
	}
	t.undo = append(t.undo, func() { table[key] = old })
	delete(table, key)
}
