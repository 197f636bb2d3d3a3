package campus

import (
	"cmp"
	"maps"
	"slices"
)

// Snapshot is the state of a campus that a test compares, and that can be loaded again.
type Snapshot struct {
	Users       []User       `json:"users,omitempty"`       // by id
	Courses     []Course     `json:"courses,omitempty"`     // by key
	Enrollments []Enrollment `json:"enrollments,omitempty"` // active or not, as made
	Allowances  []Allowance  `json:"allowances,omitempty"`  // by address and course
	Members     []Member     `json:"cohort_members,omitempty"`
}

// Member is one learner in a cohort of a course.
type Member struct {
	Email  string `json:"email"`
	Course string `json:"course"`
	Cohort string `json:"cohort"`
}

// Snapshot copies the state.
func (t *Tx) Snapshot() Snapshot {
	s := Snapshot{Enrollments: t.Enrollments(EnrollmentQuery{}), Allowances: t.Allowances("")}
	for _, u := range t.users {
		s.Users = append(s.Users, *u)
	}
	slices.SortFunc(s.Users, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	for _, key := range slices.Sorted(maps.Keys(t.courses)) {
		s.Courses = append(s.Courses, *t.courses[key])
	}
	for where, cohort := range t.cohorts {
		s.Members = append(s.Members, Member{Email: where.who, Course: where.course, Cohort: cohort})
	}
	slices.SortFunc(s.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Course, b.Course), cmp.Compare(a.Email, b.Email))
	})
	return s
}

// Load adds what a snapshot holds to the campus; the first error ends it.
func (t *Tx) Load(s Snapshot) error {
	for _, c := range s.Courses {
		if err := t.AddCourse(c); err != nil {
			return err
		}
	}
	for _, a := range s.Allowances {
		t.SetAllowance(a.Email, a.Course, a.AutoEnroll)
	}
	for _, u := range s.Users {
		if _, err := t.AddUser(u); err != nil {
			return err
		}
	}
	for _, e := range s.Enrollments {
		t.SetEnrollment(e.User, e.Course, e.Mode, e.Active)
	}
	for _, m := range s.Members {
		t.moveCohort(m.Email, m.Course, m.Cohort)
	}
	return nil
}
