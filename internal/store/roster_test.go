package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestTheRosterEnrolsWhomAndWhatItKnows(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.Open(t), t.Context()
	ask := relay.RosterRequest{Email: "ADA@example.com", CourseID: "course-v1:o+c+r", Mode: "verified", Source: "enrollment", Retry: true}
	missing := func(want relay.RosterMissing) {
		t.Helper()
		_, err := s.Enroll(ctx, ask)
		unknown, ok := errors.AsType[*relay.RosterUnknown](err)
		if !ok || unknown.Missing != want {
			t.Fatalf("error %v, want the %s missing", err, want)
		}
		pending, err := s.RosterPending(ctx, relay.Page{})
		if err != nil || len(pending) != 1 || pending[0].Missing != want || pending[0].CourseID != ask.CourseID {
			t.Fatalf("pending %+v %v", pending, err)
		}
	}
	missing(relay.MissingPerson)
	must(t, s.AddPeople(ctx, []relay.Person{{Email: "Ada@Example.com", Username: "ada", SeenAt: day}}))
	missing(relay.MissingCourse)
	must(t, s.AddCourseRuns(ctx, []relay.CourseRun{{CourseID: ask.CourseID, Title: "C", SeenAt: day}}))
	entry, err := s.Enroll(ctx, ask)
	if err != nil || !entry.Created || !entry.Active || entry.Mode != "verified" || entry.Email != "Ada@Example.com" {
		t.Fatalf("%+v %v", entry, err)
	}
	if _, err := s.DeactivateRoster(ctx, entry.ID); err != nil {
		t.Fatal(err)
	}
	ask.Mode = "audit"
	again, err := s.Enroll(ctx, ask)
	if err != nil || again.Created || again.ID != entry.ID || !again.Active || again.Mode != "verified" {
		t.Errorf("%+v %v", again, err)
	}
	if pending, err := s.RosterPending(ctx, relay.Page{}); err != nil || len(pending) != 0 {
		t.Errorf("pending %+v %v", pending, err)
	}
	if n, err := s.OutboxSize(ctx); err != nil || n != 1 {
		t.Errorf("%d events %v, want one", n, err)
	}
}

func TestConcurrentRosterRequestsLeaveOneEntry(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.Open(t), t.Context()
	must(t, s.AddPeople(ctx, []relay.Person{{Email: "a@example.com", SeenAt: day}}))
	must(t, s.AddCourseRuns(ctx, []relay.CourseRun{{CourseID: "c", SeenAt: day}}))
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 24 {
		wg.Go(func() {
			entry, err := s.Enroll(context.Background(), relay.RosterRequest{Email: "A@example.com", CourseID: "c"})
			mu.Lock()
			defer mu.Unlock()
			if entry.Created {
				created++
			}
			if err != nil || entry.ID == 0 {
				t.Errorf("%+v %v", entry, err)
			}
		})
	}
	wg.Wait()
	if list, err := s.Roster(ctx, relay.RosterQuery{}); err != nil || len(list) != 1 || created != 1 {
		t.Errorf("%d entries, %d created, %v", len(list), created, err)
	}
}

func TestPendingRequestsAreDoneWhenAllIsKnown(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.Open(t), t.Context()
	for i, retry := range []bool{true, false, true} {
		_, err := s.Enroll(ctx, relay.RosterRequest{Email: fmt.Sprintf("p%d@example.com", i), CourseID: "c", Retry: retry})
		if err == nil {
			t.Fatal("enrolled an unknown person")
		}
	}
	must(t, s.AddCourseRuns(ctx, []relay.CourseRun{{CourseID: "c", SeenAt: day}}))
	must(t, s.AddPeople(ctx, []relay.Person{{Email: "P0@example.com", SeenAt: day}, {Email: "p1@example.com", SeenAt: day}}))
	if n, err := s.ResolvePending(ctx, 100); err != nil || n != 1 {
		t.Errorf("%d resolved %v, want one: the second is not to be retried, the third not known", n, err)
	}
	list, err := s.Roster(ctx, relay.RosterQuery{State: "active"})
	if err != nil || len(list) != 1 || list[0].Email != "P0@example.com" || list[0].Mode != "audit" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestNewsOfPeopleFollowTheirTime(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.Open(t), t.Context()
	must(t, s.AddCourseRuns(ctx, []relay.CourseRun{{CourseID: "c", SeenAt: day}}))
	must(t, s.AddPeople(ctx, []relay.Person{{Email: "old@example.com", Username: "ada", SeenAt: day}}))
	entry, err := s.Enroll(ctx, relay.RosterRequest{Email: "old@example.com", CourseID: "c"})
	must(t, err)
	must(t, s.AddPeople(ctx, []relay.Person{{Email: "new@example.com", Username: "ada", SeenAt: day.Add(time.Hour)}}))
	must(t, s.AddPeople(ctx, []relay.Person{{Email: "older@example.com", Username: "ada", SeenAt: day.Add(-time.Hour)}}))
	list, err := s.Roster(ctx, relay.RosterQuery{Email: "NEW@example.com"})
	if err != nil || len(list) != 1 || list[0].ID != entry.ID {
		t.Errorf("after the change of address: %+v %v", list, err)
	}
	if n, err := s.ForgetPerson(ctx, "New@example.com"); err != nil || n != 1 {
		t.Errorf("forgot %d %v", n, err)
	}
	if list, err := s.Roster(ctx, relay.RosterQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestTokensEndByRevocationExpiryAndTheirClient(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.Open(t), t.Context()
	now := time.Now()
	state := func(hash string) relay.TokenState {
		t.Helper()
		token, err := s.TokenByHash(ctx, []byte(hash))
		must(t, err)
		return token.State
	}
	must(t, s.CreateClient(ctx, relay.Client{ID: "client", Name: "one", CreatedAt: now}, []byte("secret")))
	for id, client := range map[string]string{"a": "", "b": "client"} {
		must(t, s.CreateToken(ctx, relay.Token{ID: id, Name: id, ClientID: client, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, []byte(id)))
	}
	must(t, s.CreateToken(ctx, relay.Token{ID: "c", CreatedAt: now, ExpiresAt: now.Add(-time.Second)}, []byte("c")))
	if state("a") != relay.TokenActive || state("b") != relay.TokenActive || state("c") != relay.TokenExpired {
		t.Errorf("states %s %s %s", state("a"), state("b"), state("c"))
	}
	must(t, s.RevokeToken(ctx, "a"))
	if _, err := s.DisableClient(ctx, "client"); err != nil {
		t.Fatal(err)
	}
	if state("a") != relay.TokenRevoked || state("b") != relay.TokenRevoked {
		t.Errorf("states %s %s after the end", state("a"), state("b"))
	}
	if err := s.RevokeToken(ctx, "nobody"); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := s.TokenByHash(ctx, []byte("x")); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

func TestAClientsOldSecretIsGoodUntilItsEnd(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.Open(t), t.Context()
	must(t, s.CreateClient(ctx, relay.Client{ID: "client", Name: "one", CreatedAt: time.Now()}, []byte("first")))
	good := func(secret string) bool {
		_, err := s.ClientBySecret(ctx, "client", []byte(secret))
		return err == nil
	}
	if _, err := s.RotateClient(ctx, "client", []byte("second"), time.Now().Add(time.Hour)); err != nil || !good("first") || !good("second") {
		t.Errorf("rotation: %v, first %t, second %t", err, good("first"), good("second"))
	}
	if _, err := s.RotateClient(ctx, "client", []byte("third"), time.Now().Add(-time.Second)); err != nil || good("first") || good("second") || !good("third") {
		t.Errorf("rotation at once: %v, %t %t %t", err, good("first"), good("second"), good("third"))
	}
	if err := s.CreateClient(ctx, relay.Client{ID: "other", Name: "one"}, []byte("x")); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("same name: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
