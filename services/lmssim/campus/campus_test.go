package campus_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

const key = "course-v1:o+c+r"

func newCampus(t *testing.T) *campus.Campus {
	t.Helper()
	c := campus.New(campus.Options{Now: time.Now, KeepMails: 10, KeepAudit: 10})
	c.Read(func(tx *campus.Tx) {
		if err := tx.AddCourse(campus.Course{Key: key}); err != nil {
			t.Fatal(err)
		}
	})
	return c
}

func TestEmailAddressesAreJudgedAsDjangoDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a@x.example": true, "a.b+c@x-y.example": true, "A_'!#@sub.x.example": true, "a@localhost": true,
		`"quoted name"@x.example`: false, `"quoted"@x.example`: true, "a@[127.0.0.1]": true, "a@xn--bcher-kva.example": true,
		"a@bücher.example": true,
		"":                 false, "a": false, "a@": false, "@x.example": false, "a@x": false, "a@-x.example": false, "a@x.example-": false,
		"a b@x.example": false, "a@x..example": false, ".a@x.example": false, "a.@x.example": false, "ä@x.example": false,
		"a@x.example\n": false, "a@b@x.example": false, "a@[300.0.0.1]": false, strings.Repeat("a", 320) + "@x.example": false,
	} {
		if got := campus.ValidEmail(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestCourseKeysAreJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		key: true, "course-v1:org.x+c-1+r_2~:": true, "org/course/run": true, "ccx-v1:o+c+r+ccx@7": true, "course-v1:Ö+c+r": true,
		"": false, "course-v1:": false, "course-v1:o+c": false, "course-v1:o+c+r+x": false, "course-v1:o c r": false, " " + key: false,
		key + " ": false, key + "\n": false, "Course-v1:o+c+r": false, "course-v1:o%2Bc%2Br": false, "o/c": false, "course-v1:o+c+r/x": false,
	} {
		if got := campus.ValidCourseKey(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAFailedRequestIsTakenBackInFull(t *testing.T) {
	t.Parallel()
	c := newCampus(t)
	var before campus.Snapshot
	c.Read(func(tx *campus.Tx) {
		_, _ = tx.AddUser(campus.User{Email: "a@x.example", Active: true})
		_ = tx.AddCohort(key, "red")
		tx.SetAllowance("old@x.example", key, false)
		tx.SetAllowance("gone@x.example", key, true)
		before = tx.Snapshot()
	})
	failure := errors.New("no")
	err := c.Do(true, func(tx *campus.Tx) error {
		for _, ch := range []campus.Change{
			{Identifier: "a", Action: campus.Enroll, Cohort: "red"}, {Identifier: "new@x.example", Action: campus.Enroll},
			{Identifier: "old@x.example", Action: campus.Enroll, AutoEnroll: true}, {Identifier: "gone@x.example", Action: campus.Unenroll},
			{Identifier: "a", Action: campus.Unenroll},
		} {
			ch.Course = key
			tx.Apply(ch)
		}
		return failure
	})
	c.Read(func(tx *campus.Tx) {
		if after := tx.Snapshot(); fmt.Sprint(after) != fmt.Sprint(before) || !errors.Is(err, failure) {
			t.Errorf("%v\nwas\n%v (%v)", after, before, err)
		}
	})
}

func TestListsAreBoundedAndCountsAreNot(t *testing.T) {
	t.Parallel()
	c := newCampus(t)
	for i := range 25 {
		c.Read(func(tx *campus.Tx) {
			tx.Apply(campus.Change{Course: key, Identifier: fmt.Sprintf("l%d@x.example", i), Action: campus.Enroll, Mail: true})
		})
	}
	c.Read(func(tx *campus.Tx) {
		mails := tx.Mails()
		if len(mails) != 10 || mails[9].To != "l24@x.example" || len(tx.AuditTrail()) != 10 || len(tx.MailCounts()) != 25 {
			t.Errorf("%d mails, %d audit rows, %d counts", len(mails), len(tx.AuditTrail()), len(tx.MailCounts()))
		}
	})
}

func TestOneAddressHasOneAccount(t *testing.T) {
	t.Parallel()
	newCampus(t).Read(func(tx *campus.Tx) {
		if _, err := tx.AddUser(campus.User{Username: "one", Email: "a@x.example"}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.AddUser(campus.User{Username: "two", Email: "A@x.example"}); err == nil {
			t.Error("an address was given away twice")
		}
		if u, err := tx.AddUser(campus.User{Username: "one", Email: "b@x.example"}); err != nil || u.ID != 1 {
			t.Errorf("%+v %v", u, err)
		}
		if _, found := tx.UserByEmail("a@x.example"); found {
			t.Error("the old address still leads to the account")
		}
	})
}

func TestManyMayWorkAtOnce(t *testing.T) {
	t.Parallel()
	c := newCampus(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				c.Read(func(tx *campus.Tx) {
					_, _ = tx.AddUser(campus.User{Email: fmt.Sprintf("l%d-%d@x.example", i, n), Active: true})
					tx.Apply(campus.Change{Course: key, Identifier: fmt.Sprintf("l%d-%d", i, n), Action: campus.Enroll})
				})
			}
		})
	}
	all.Wait()
	c.Read(func(tx *campus.Tx) {
		if n := len(tx.Enrollments(campus.EnrollmentQuery{})); n != 400 {
			t.Errorf("%d enrolments", n)
		}
	})
}
