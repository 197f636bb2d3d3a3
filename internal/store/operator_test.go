package store_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func TestAnAPIKeyIsFoundByItsHashUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	hash := sha256.Sum256([]byte("key"))
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	want := relay.APIKey{ID: "k1", Name: "night shift", Role: relay.RoleOperator, CreatedAt: time.Now().UTC().Truncate(time.Microsecond), ExpiresAt: &end}
	if err := s.CreateAPIKey(t.Context(), want, hash[:]); err != nil {
		t.Fatal(err)
	}
	got, err := s.APIKeyByHash(t.Context(), hash[:])
	if err != nil || got.ID != want.ID || got.Role != want.Role || !got.ExpiresAt.Equal(end) || got.RevokedAt != nil {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := s.APIKeyByHash(t.Context(), hash[1:]); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("part of the hash: %v", err)
	}
	for i, ended := range []time.Time{time.Now().Add(-time.Second), time.Now().Add(time.Hour)} {
		key := relay.APIKey{ID: fmt.Sprint("other", i), Name: "n", Role: relay.RoleViewer, CreatedAt: time.Now(), ExpiresAt: &ended}
		if err := s.CreateAPIKey(t.Context(), key, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.RevokeAPIKey(t.Context(), "other1"); err != nil {
		t.Fatal(err)
	}
	for state, id := range map[relay.TokenState]string{relay.TokenActive: "k1", relay.TokenExpired: "other0", relay.TokenRevoked: "other1"} {
		list, err := s.APIKeys(t.Context(), relay.APIKeyQuery{State: state})
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].State != state {
			t.Errorf("%s keys: %+v, %v", state, list, err)
		}
	}
	first, err := s.RevokeAPIKey(t.Context(), "k1")
	if err != nil || first.RevokedAt == nil {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := s.RevokeAPIKey(t.Context(), "k1"); err != nil || !again.RevokedAt.Equal(*first.RevokedAt) {
		t.Errorf("again: %+v %v", again, err)
	}
	if _, err := s.RevokeAPIKey(t.Context(), "k2"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("unknown: %v", err)
	}
	if err := s.CreateAPIKey(t.Context(), want, hash[:]); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("twice: %v", err)
	}
}

func TestTheAuditTrailIsPagedAndFiltered(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	for i := range 7 {
		entry := relay.AuditEntry{
			At: time.Now(), Who: []string{"ada", "bob"}[i%2], Role: relay.RoleAdmin, Action: "POST /x", Target: fmt.Sprint(i), Status: 200,
			Detail: map[string]string{"n": "1"},
		}
		if err := s.RecordAudit(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	q := relay.AuditQuery{Page: relay.Page{Limit: 3}}
	var targets string
	for range 3 {
		list, err := s.AuditTrail(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			targets += e.Target
			q.Before.ID = fmt.Sprint(e.ID)
			if e.Detail["n"] != "1" {
				t.Errorf("detail %v", e.Detail)
			}
		}
	}
	if targets != "6543210" {
		t.Errorf("walked %s", targets)
	}
	for _, status := range []int{401, 403, 404, 503, 303} {
		if err := s.RecordAudit(t.Context(), relay.AuditEntry{At: time.Now(), Who: "eve", Action: "GET /y", Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	for state, want := range map[relay.AuditState]int{relay.AuditDone: 1, relay.AuditRefused: 2, relay.AuditFailed: 2, "": 5} {
		list, err := s.AuditTrail(t.Context(), relay.AuditQuery{Who: "eve", State: state})
		if err != nil || len(list) != want || state != "" && list[0].State != state {
			t.Errorf("%d %s of eve, %v; want %d", len(list), state, err, want)
		}
	}
	list, err := s.AuditTrail(t.Context(), relay.AuditQuery{Who: "bob", Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)})
	if err != nil || len(list) != 3 {
		t.Errorf("%d of bob, %v", len(list), err)
	}
}
