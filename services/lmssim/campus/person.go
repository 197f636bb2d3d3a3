package campus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// User is one account.
type User struct {
	ID        int64  `json:"id"` // given by AddUser when 0
	Username  string `json:"username"`
	Email     string `json:"email"`
	Name      string `json:"name,omitempty"`
	Active    bool   `json:"is_active"` // activated by its owner
	Staff     bool   `json:"is_staff"`  // global staff
	Superuser bool   `json:"is_superuser,omitempty"`
	Retired   bool   `json:"retired,omitempty"`  // the address is burnt, the username gone
	Disabled  bool   `json:"disabled,omitempty"` // locked by an operator
}

// ErrUnknown is wrapped by every error about a user, course or cohort that is not there.
var ErrUnknown = errors.New("unknown")

// AddUser adds an account or replaces the one of that username. An empty username is made from the address. When
// the account is active, its automatic allowances become enrolments.
func (t *Tx) AddUser(u User) (User, error) {
	if u.Username == "" {
		u.Username, _, _ = strings.Cut(u.Email, "@")
	}
	if u.Username == "" || !ValidEmail(u.Email) {
		return User{}, fmt.Errorf("add user %q: it needs an e-mail address", u.Username)
	}
	if other := t.userByEmail(u.Email); other != nil && other.Username != u.Username {
		return User{}, fmt.Errorf("add user %q: its address belongs to %q", u.Username, other.Username)
	}
	if old := t.users[u.Username]; old != nil {
		u.ID = cmp.Or(u.ID, old.ID)
		t.dropEmail(old)
	}
	if u.ID == 0 {
		t.lastUser++
		u.ID = t.lastUser
	}
	t.lastUser = max(t.lastUser, u.ID)
	stored := u
	t.users[u.Username] = &stored
	key := t.fold(u.Email)
	t.byEmail[key] = append(t.byEmail[key], &stored)
	if stored.Active && !stored.Retired {
		t.register(&stored)
	}
	return stored, nil
}

// ChangeUser changes one account by its username or address; an account that becomes active gets the enrolments
// it was allowed.
func (t *Tx) ChangeUser(who string, change func(*User)) (User, error) {
	user := t.account(who)
	if user == nil {
		return User{}, fmt.Errorf("user %q: %w", who, ErrUnknown)
	}
	changed := *user
	change(&changed)
	changed.ID, changed.Username, changed.Email = user.ID, user.Username, user.Email
	*user = changed
	if user.Active && !user.Retired {
		t.register(user)
	}
	return changed, nil
}

// RemoveUser forgets an account and its enrolments; allowances of its address stay.
func (t *Tx) RemoveUser(who string) error {
	user := t.account(who)
	if user == nil {
		return fmt.Errorf("user %q: %w", who, ErrUnknown)
	}
	t.dropEmail(user)
	delete(t.users, user.Username)
	for seat := range t.enrollments {
		if seat.who == user.Username {
			delete(t.enrollments, seat)
		}
	}
	return nil
}

// User finds an account by its exact username, retired ones excepted.
func (t *Tx) User(username string) (User, bool) {
	if u := t.users[username]; u != nil && !u.Retired {
		return *u, true
	}
	return User{}, false
}

// UsersByEmail finds the accounts of an address, retired ones too; more than one only where addresses are
// compared with case and the caller asks without.
func (t *Tx) UsersByEmail(email string, ignoreCase bool) []User {
	var found []User
	for _, u := range t.users {
		if t.fold(u.Email) == t.fold(email) || ignoreCase && strings.EqualFold(u.Email, email) {
			found = append(found, *u)
		}
	}
	slices.SortFunc(found, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	return found
}

// UserByEmail finds the account of an address, retired or not.
func (t *Tx) UserByEmail(email string) (User, bool) {
	if u := t.userByEmail(email); u != nil {
		return *u, true
	}
	return User{}, false
}

func (t *Tx) userByEmail(email string) *User {
	if found := t.byEmail[t.fold(email)]; len(found) > 0 {
		return found[0]
	}
	return nil
}

// account finds by username, then by address.
func (t *Tx) account(who string) *User {
	if u := t.users[who]; u != nil {
		return u
	}
	return t.userByEmail(who)
}

func (t *Tx) dropEmail(u *User) {
	key := t.fold(u.Email)
	t.byEmail[key] = slices.DeleteFunc(t.byEmail[key], func(other *User) bool { return other == u })
	if len(t.byEmail[key]) == 0 {
		delete(t.byEmail, key)
	}
}

// register turns the automatic allowances of an active account into enrolments; the allowances stay.
func (t *Tx) register(u *User) {
	for course := range t.allowedCourses {
		if a := t.allowances[seat{t.fold(u.Email), course}]; a != nil && a.AutoEnroll {
			t.enroll(u, course)
		}
	}
}
