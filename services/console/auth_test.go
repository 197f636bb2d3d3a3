package console_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
)

func makeKey(r *running, role relay.Role, ttl string) console.NewKey {
	r.t.Helper()
	status, raw := r.call(http.MethodPost, "/api/v1/keys", "", console.KeyRequest{Name: string(role), Role: role, TTL: ttl})
	if status != http.StatusCreated {
		r.t.Fatalf("make key: %d %s", status, raw)
	}
	return parse[console.NewKey](r.t, raw)
}

func TestOnlyKnownTokensGetIn(t *testing.T) {
	t.Parallel()
	r := start(t)
	key := makeKey(r, relay.RoleViewer, "")
	for token, want := range map[string]int{
		"-": 401, "wrong": 401, adminToken + "x": 401, "edrk_wrong": 401, strings.ToUpper(adminToken): 401, adminToken: 200, key.Key: 200,
	} {
		status, header, raw := r.callHeader(http.MethodGet, "/api/v1/webhooks", token, nil)
		if status != want {
			t.Errorf("%s: %d, want %d", token, status, want)
		}
		if want == 401 && (header.Get("WWW-Authenticate") == "" || bytes.Contains(raw, []byte("wrong"))) {
			t.Errorf("%s: %v %s", token, header, raw)
		}
	}
}

func TestRolesHoldBackWhatTheyShould(t *testing.T) {
	t.Parallel()
	r := start(t)
	viewer, op := makeKey(r, relay.RoleViewer, "").Key, makeKey(r, relay.RoleOperator, "").Key
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{http.MethodGet, "/api/v1/webhooks", viewer, 200},
		{http.MethodPost, "/api/v1/sources/shopify/test", viewer, 403},
		{http.MethodPost, "/api/v1/sources/shopify/test", op, 200},
		{http.MethodGet, "/api/v1/keys", op, 403},
		{http.MethodGet, "/api/v1/audit-trail", op, 403},
		{http.MethodGet, "/api/v1/audit-trail", "", 200},
	} {
		if status, raw := r.call(c.method, c.path, c.token, nil); status != c.want {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, raw, c.want)
		}
	}
}

func TestARevokedOrExpiredKeyIsNoKey(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := start(t, func(o *console.Options) { o.Now = func() time.Time { return now } })
	revoked, short := makeKey(r, relay.RoleAdmin, ""), makeKey(r, relay.RoleAdmin, "1h")
	for range 2 {
		if status, raw := r.call(http.MethodDelete, "/api/v1/keys/"+revoked.ID, "", nil); status != 200 {
			t.Fatalf("revoke: %d %s", status, raw)
		}
	}
	if status, _ := r.call(http.MethodGet, "/api/v1/webhooks", short.Key, nil); status != 200 {
		t.Errorf("living key: %d", status)
	}
	now = now.Add(time.Hour)
	for _, key := range []string{revoked.Key, short.Key} {
		if status, _ := r.call(http.MethodGet, "/api/v1/webhooks", key, nil); status != 401 {
			t.Errorf("dead key: %d", status)
		}
	}
}

func TestChangesAreWrittenDownWithWhoAndWhat(t *testing.T) {
	t.Parallel()
	r := start(t)
	made := makeKey(r, relay.RoleOperator, "")
	key := made.Key
	r.call(http.MethodPost, "/api/v1/sources/shopify/test", key, nil)
	r.call(http.MethodPost, "/api/v1/sources/nobody/test", key, nil)
	trail := get[rowsOf[relay.AuditEntry]](r, "/api/v1/audit-trail").Items
	if len(trail) != 3 {
		t.Fatalf("%d entries", len(trail))
	}
	for i, want := range []relay.AuditEntry{
		{Who: "operator", Action: "POST /api/v1/sources/{name}/test", Target: "nobody", Status: 404},
		{Who: "operator", Action: "POST /api/v1/sources/{name}/test", Target: "shopify", Status: 200},
		{Who: "admin", Action: "POST /api/v1/keys", Target: made.ID, Status: 201},
	} {
		if got := trail[i]; got.Who != want.Who || got.Action != want.Action || got.Target != want.Target || got.Status != want.Status || got.At.IsZero() {
			t.Errorf("entry %d: %+v", i, got)
		}
	}
}

func TestRefusalsAreWrittenDownWithinBounds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := start(t, func(o *console.Options) { o.Now = func() time.Time { return now } })
	viewer := makeKey(r, relay.RoleViewer, "")
	r.call(http.MethodPost, "/api/v1/sources/shopify/test", viewer.Key, nil)
	r.call(http.MethodDelete, "/api/v1/keys/"+viewer.ID, "", nil)
	r.call(http.MethodGet, "/api/v1/webhooks", viewer.Key, nil)
	r.call(http.MethodGet, "/api/v1/webhooks", "-", nil) // no attempt to get in
	trail := get[rowsOf[relay.AuditEntry]](r, "/api/v1/audit-trail").Items
	if len(trail) != 4 {
		t.Fatalf("%d entries: %+v", len(trail), trail)
	}
	for i, want := range []relay.AuditEntry{
		{Who: "viewer", Action: "GET /api/v1", Status: 401},
		{Who: "admin", Role: relay.RoleAdmin, Action: "DELETE /api/v1/keys/{id}", Target: viewer.ID, Status: 200},
		{Who: "viewer", Role: relay.RoleViewer, Action: "POST /api/v1/sources/{name}/test", Target: "shopify", Status: 403},
	} {
		got := trail[i]
		if got.Who != want.Who || got.Role != want.Role || got.Action != want.Action || got.Target != want.Target || got.Status != want.Status || (want.Status > 400) != (got.Detail["from"] == "127.0.0.1") {
			t.Errorf("entry %d: %+v, want %+v", i, got, want)
		}
	}
	for i := range 100 {
		r.call(http.MethodGet, "/api/v1/webhooks", "guess"+strconv.Itoa(i), nil)
	}
	if trail = get[rowsOf[relay.AuditEntry]](r, "/api/v1/audit-trail?limit=0").Items; len(trail) != 4+19 {
		t.Errorf("%d entries after a hundred guesses, want 23", len(trail))
	}
	now = now.Add(time.Minute)
	r.call(http.MethodGet, "/api/v1/webhooks", "another", nil)
	if last := get[rowsOf[relay.AuditEntry]](r, "/api/v1/audit-trail").Items[0]; last.Who != "unknown" || last.Detail["more_like_this"] != "81" {
		t.Errorf("a minute later: %+v", last)
	}
	for _, op := range []string{"a", "b"} { // strangers take nothing from who is known
		r.call(http.MethodGet, "/api/v1/keys", makeKey(r, relay.RoleOperator, "").Key, nil)
		if last := get[rowsOf[relay.AuditEntry]](r, "/api/v1/audit-trail").Items[0]; last.Status != 403 || last.Who != "operator" {
			t.Errorf("operator %s: %+v", op, last)
		}
	}
}

func TestDefectsAreLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := start(t, func(o *console.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	r.ledger.fail = errors.New("password=hunter2 in the cause")
	status, raw := r.call(http.MethodGet, "/api/v1/enrollments?learner=ada@example.org", "", nil)
	if status != 500 || bytes.Contains(raw, []byte("hunter2")) {
		t.Errorf("%d %s", status, raw)
	}
	if text := log.String(); !strings.Contains(text, "console request failed") || strings.Contains(text, "ada@") {
		t.Errorf("log: %s", text)
	}
}

func TestAShortAdminTokenIsRefused(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := console.New(console.Options{Listener: listener, Token: "short", Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("taken")
	}
}
