package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// defaultMode is the mode of a roster entry whose request names none.
const defaultMode = "audit"

// AddPeople takes news of people into the roster; older news than known change nothing.
func (s *Store) AddPeople(ctx context.Context, people []relay.Person) error {
	people = slices.SortedFunc(slices.Values(people), func(a, b relay.Person) int { // one order, or two batches lock each other out
		return strings.Compare(strings.ToLower(a.Email), strings.ToLower(b.Email))
	})
	move := make([]pgdb.MovePersonParams, len(people))
	upsert := make([]pgdb.UpsertPersonParams, len(people))
	for i, p := range people {
		move[i] = pgdb.MovePersonParams{Email: clean(p.Email), SeenAt: p.SeenAt, Username: clean(p.Username)}
		upsert[i] = pgdb.UpsertPersonParams{Email: clean(p.Email), Username: clean(p.Username), Name: clean(p.Name), SeenAt: p.SeenAt}
	}
	return wrap("add people", s.inTx(ctx, func(q *pgdb.Queries) error {
		return errors.Join(firstError(q.MovePerson(ctx, move)), firstError(q.UpsertPerson(ctx, upsert)))
	}))
}

// AddCourseRuns takes news of course runs into the roster; older news than known change nothing.
func (s *Store) AddCourseRuns(ctx context.Context, runs []relay.CourseRun) error {
	runs = slices.SortedFunc(slices.Values(runs), func(a, b relay.CourseRun) int { return strings.Compare(a.CourseID, b.CourseID) })
	upsert := make([]pgdb.UpsertCourseRunParams, len(runs))
	for i, run := range runs {
		upsert[i] = pgdb.UpsertCourseRunParams{CourseID: clean(run.CourseID), Title: clean(run.Title), StartsAt: run.Start, SeenAt: run.SeenAt}
	}
	return wrap("add course runs", s.inTx(ctx, func(q *pgdb.Queries) error { return firstError(q.UpsertCourseRun(ctx, upsert)) }))
}

// Enroll puts a person into a course run; an existing entry keeps its mode and becomes active. A *relay.RosterUnknown
// says that the person or course run is not known; the request is pending then. Concurrent calls leave one entry and
// one event.
func (s *Store) Enroll(ctx context.Context, r relay.RosterRequest) (relay.RosterEntry, error) {
	var entry relay.RosterEntry
	var unknown *relay.RosterUnknown
	r.Email, r.CourseID, r.Mode, r.Role = clean(r.Email), clean(r.CourseID), orText(clean(r.Mode), defaultMode), clean(r.Role)
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		person, missing, err := known(ctx, q, r)
		if err != nil {
			return err
		}
		if missing != "" {
			unknown = &relay.RosterUnknown{Missing: missing}
			return q.UpsertRosterPending(ctx, pgdb.UpsertRosterPendingParams{Email: r.Email, CourseID: r.CourseID, Mode: r.Mode,
				Role: r.Role, Source: r.Source, Retry: r.Retry})
		}
		entry, err = enroll(ctx, q, person.ID, person.Email, r)
		return err
	})
	if err == nil && unknown != nil {
		return relay.RosterEntry{}, unknown
	}
	return entry, wrap("enrol in the roster", err)
}

// known looks for the person first, then for the course run.
func known(ctx context.Context, q *pgdb.Queries, r relay.RosterRequest) (pgdb.Person, relay.RosterMissing, error) {
	person, err := q.GetPerson(ctx, r.Email)
	if errors.Is(err, pgx.ErrNoRows) {
		return person, relay.MissingPerson, nil
	}
	if err != nil {
		return person, "", err
	}
	exists, err := q.CourseRunExists(ctx, r.CourseID)
	if err == nil && !exists {
		return person, relay.MissingCourse, nil
	}
	return person, "", err
}

// enroll writes the entry, its event when it is new, and takes the request off the pending list.
func enroll(ctx context.Context, q *pgdb.Queries, person int64, email string, r relay.RosterRequest) (relay.RosterEntry, error) {
	row, err := q.EnrollPerson(ctx, pgdb.EnrollPersonParams{PersonID: person, CourseID: r.CourseID, Mode: r.Mode, Role: r.Role, Source: r.Source})
	if err != nil {
		return relay.RosterEntry{}, err
	}
	entry := relay.RosterEntry{ID: row.ID, Email: email, CourseID: row.CourseID, Mode: row.Mode, Active: row.Active,
		CreatedAt: row.CreatedAt, Created: row.Created}
	if entry.Created {
		if err := tellRoster(ctx, q, entry, r); err != nil {
			return relay.RosterEntry{}, err
		}
	}
	return entry, q.DropRosterPending(ctx, pgdb.DropRosterPendingParams{Email: email, CourseID: r.CourseID})
}

func tellRoster(ctx context.Context, q *pgdb.Queries, entry relay.RosterEntry, r relay.RosterRequest) error {
	body, err := json.Marshal(map[string]any{"enrollment": map[string]any{
		"id": entry.ID, "email": entry.Email, "course_id": entry.CourseID, "mode": entry.Mode, "role": r.Role,
		"active": entry.Active, "source": r.Source, "created_at": entry.CreatedAt.UTC().Format(time.RFC3339Nano),
	}})
	if err != nil {
		return err
	}
	return firstError(q.AddToOutbox(ctx, []pgdb.AddToOutboxParams{{
		DedupID: fmt.Sprintf("roster-%d-created", entry.ID), EventType: relay.EventRosterCreated,
		About: fmt.Sprintf("roster/%d", entry.ID), At: entry.CreatedAt, Body: body,
	}}))
}

// ResolvePending works off pending requests whose person and course run are known by now, up to limit, and says how
// many that were. Several processes may do so at once.
func (s *Store) ResolvePending(ctx context.Context, limit int) (int, error) {
	count := 0
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		rows, err := q.TakeResolvablePending(ctx, atMost(limit))
		if err != nil {
			return err
		}
		for _, row := range rows {
			r := relay.RosterRequest{Email: row.Email, CourseID: row.CourseID, Mode: row.Mode, Role: row.Role, Source: row.Source}
			if _, err := enroll(ctx, q, row.PersonID, row.Email, r); err != nil {
				return err
			}
		}
		count = len(rows)
		return nil
	})
	return count, wrap("resolve pending roster requests", err)
}

// Roster lists entries, newest first.
func (s *Store) Roster(ctx context.Context, query relay.RosterQuery) ([]relay.RosterEntry, error) {
	before, _ := strconv.ParseInt(query.Before.ID, 10, 64)
	rows, err := s.lists.ListRoster(ctx, pgdb.ListRosterParams{
		CourseID: query.CourseID, Email: query.Email, ActiveOnly: query.State == "active", InactiveOnly: query.State == "inactive",
		BeforeID: before, AtMost: atMost(query.Limit),
	})
	list := make([]relay.RosterEntry, len(rows))
	for i, row := range rows {
		list[i] = relay.RosterEntry{ID: row.ID, Email: row.Email, CourseID: row.CourseID, Mode: row.Mode, Active: row.Active, CreatedAt: row.CreatedAt}
	}
	return list, wrap("list roster", err)
}

// RosterPending lists requests for what the roster does not know, newest first.
func (s *Store) RosterPending(ctx context.Context, page relay.Page) ([]relay.RosterPending, error) {
	before, _ := strconv.ParseInt(page.Before.ID, 10, 64)
	rows, err := s.lists.ListRosterPending(ctx, pgdb.ListRosterPendingParams{BeforeID: before, AtMost: atMost(page.Limit)})
	list := make([]relay.RosterPending, len(rows))
	for i, row := range rows {
		list[i] = relay.RosterPending{ID: row.ID, Email: row.Email, CourseID: row.CourseID, Mode: row.Mode, Retry: row.Retry,
			Since: row.Since, LastAt: row.LastAt}
		switch {
		case row.NoPerson:
			list[i].Missing = relay.MissingPerson
		case row.NoCourse:
			list[i].Missing = relay.MissingCourse
		}
	}
	return list, wrap("list pending roster requests", err)
}

// DeactivateRoster ends an entry; the next request for it makes it active again. ErrNotFound when there is none.
func (s *Store) DeactivateRoster(ctx context.Context, id int64) (relay.RosterEntry, error) {
	row, err := s.query.DeactivateRoster(ctx, id)
	return relay.RosterEntry{ID: row.ID, Email: row.Email, CourseID: row.CourseID, Mode: row.Mode, Active: row.Active,
		CreatedAt: row.CreatedAt}, wrap("deactivate roster entry", err)
}

// ForgetPerson takes a person, all entries and all pending requests out of the roster.
func (s *Store) ForgetPerson(ctx context.Context, email string) (int, error) {
	count := 0
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		people, err := q.ForgetPerson(ctx, email)
		if err != nil {
			return err
		}
		pending, err := q.ForgetRosterPending(ctx, email)
		count = int(people + pending)
		return err
	})
	return count, wrap("forget person", err)
}

func orText(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
