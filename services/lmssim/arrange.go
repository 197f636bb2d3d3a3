package lmssim

import (
	"errors"
	"fmt"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// AddUser adds an account or replaces the one of that username; an empty username is made from the address. An
// active one gets the enrolments that its address was allowed.
func (s *Server) AddUser(u User) (User, error) {
	var added User
	err := s.campus.Do(false, func(t *campus.Tx) (err error) { added, err = t.AddUser(u); return err })
	return added, err
}

// Activate makes an account active: its automatic allowances become enrolments. who is a username or an address.
func (s *Server) Activate(who string) error {
	return s.changeUser(who, func(u *User) { u.Active = true })
}

// Deactivate makes an account inactive, as if it had never been activated.
func (s *Server) Deactivate(who string) error {
	return s.changeUser(who, func(u *User) { u.Active = false })
}

// Retire burns the address and the username of an account.
func (s *Server) Retire(who string) error {
	return s.changeUser(who, func(u *User) { u.Retired = true })
}

// Disable locks an account out.
func (s *Server) Disable(who string) error {
	return s.changeUser(who, func(u *User) { u.Disabled = true })
}

func (s *Server) changeUser(who string, change func(*User)) error {
	return s.campus.Do(false, func(t *campus.Tx) error { _, err := t.ChangeUser(who, change); return err })
}

// RemoveUser forgets an account and its enrolments.
func (s *Server) RemoveUser(who string) error {
	return s.campus.Do(false, func(t *campus.Tx) error { return t.RemoveUser(who) })
}

// AddCourse adds a course or replaces the one of that key.
func (s *Server) AddCourse(c Course) error {
	return s.campus.Do(false, func(t *campus.Tx) error { return t.AddCourse(c) })
}

// RemoveCourse forgets a course; its enrolments stay.
func (s *Server) RemoveCourse(key string) error {
	return s.campus.Do(false, func(t *campus.Tx) error { return t.RemoveCourse(key) })
}

// AddCohort adds a cohort to a course.
func (s *Server) AddCohort(course, name string) error {
	return s.campus.Do(false, func(t *campus.Tx) error { return t.AddCohort(course, name) })
}

// SetEnrollment writes the row of an account in a course; an empty mode is the course's default.
func (s *Server) SetEnrollment(e Enrollment) error {
	return s.campus.Do(false, func(t *campus.Tx) error {
		if _, ok := t.User(e.User); !ok {
			return fmt.Errorf("user %q: %w", e.User, campus.ErrUnknown)
		}
		t.SetEnrollment(e.User, e.Course, e.Mode, e.Active)
		return nil
	})
}

// SetAllowance writes the allowance of an address for a course.
func (s *Server) SetAllowance(a Allowance) error {
	if a.Email == "" || a.Course == "" {
		return errors.New("an allowance needs an e-mail address and a course")
	}
	s.campus.Read(func(t *campus.Tx) { t.SetAllowance(a.Email, a.Course, a.AutoEnroll) })
	return nil
}

// AddClient adds an OAuth2 application or replaces the one of that id. Its owner must exist;
// without one its tokens belong to nobody.
func (s *Server) AddClient(c Client) error {
	known := c.Owner == ""
	s.campus.Read(func(t *campus.Tx) {
		if !known {
			_, known = t.User(c.Owner)
		}
	})
	if !known {
		return fmt.Errorf("add client %q: owner %q: %w", c.ID, c.Owner, campus.ErrUnknown)
	}
	return s.clients.add(c)
}

// SetSinkEnrollment writes a row of the enrolment sink.
func (s *Server) SetSinkEnrollment(row SinkEnrollment) { s.sink.put(row) }

// AddRedirect adds a redirect or replaces the one of that path.
func (s *Server) AddRedirect(r Redirect) error { return s.redirects.add(r) }

// RemoveRedirect forgets a redirect; false when there is none.
func (s *Server) RemoveRedirect(path string) bool { return s.redirects.remove(path) }

// SetFault lets something go wrong from now on and gives the fault with its id.
func (s *Server) SetFault(f Fault) (Fault, error) { return s.faults.add(f) }

// ClearFaults ends every fault and lets hanging calls go.
func (s *Server) ClearFaults() { s.faults.remove("") }

// RemoveFault ends one fault and lets hanging calls go.
func (s *Server) RemoveFault(id string) error {
	if id == "" || !s.faults.remove(id) {
		return fmt.Errorf("fault %q: %w", id, campus.ErrUnknown)
	}
	return nil
}

// ForgetMails empties the list of mails and their counts.
func (s *Server) ForgetMails() { s.campus.Read((*campus.Tx).ForgetMails) }

// ForgetAudit empties the audit trail.
func (s *Server) ForgetAudit() { s.campus.Read((*campus.Tx).ForgetAudit) }

// ForgetRequests empties the request log and its counts.
func (s *Server) ForgetRequests() { s.calls.reset() }

// ExpireTokens ends every token that was issued so far, as a restart with other keys would.
func (s *Server) ExpireTokens() { s.tokens.expire(s.now()) }
