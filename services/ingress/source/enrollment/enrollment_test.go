package enrollment_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/enrollment"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

const (
	enrollPath = "/api/openedx_webhook/enrollment/"
	course     = "course-v1:o+c+r"
)

// ground is an endpoint on a real ledger that knows one person and one course run.
type ground struct {
	t    *testing.T
	door *sourcetest.Door
	*store.Store
}

func newGround(t *testing.T) ground {
	t.Helper()
	s := storetest.Open(t)
	made, err := sourcetest.Make(enrollment.Kind(), "enrollment", enrollment.Settings{}, source.Ports{Tokens: s, Roster: s})
	if err != nil {
		t.Fatal(err)
	}
	g := ground{t: t, Store: s, door: sourcetest.Open(t, nil, made)}
	now := time.Now()
	g.must(s.AddPeople(t.Context(), []relay.Person{{Email: "Staff@example.com", Username: "staff", SeenAt: now}}))
	g.must(s.AddCourseRuns(t.Context(), []relay.CourseRun{{CourseID: course, SeenAt: now}}))
	g.token("good", true, now.Add(time.Hour))
	g.token("plain", false, now.Add(time.Hour))
	g.token("old", true, now.Add(-time.Hour))
	return g
}

func (g ground) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g ground) token(text string, staff bool, until time.Time) {
	g.t.Helper()
	hash := sha256.Sum256([]byte(text))
	g.must(g.CreateToken(g.t.Context(), relay.Token{ID: text, Name: text, Staff: staff, CreatedAt: time.Now(), ExpiresAt: until}, hash[:]))
}

func (g ground) send(method, path, body string, header ...string) sourcetest.Answer {
	g.t.Helper()
	request, err := http.NewRequest(method, g.door.URL+path, strings.NewReader(body))
	g.must(err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return sourcetest.Do(g.t, request)
}

const good = `{"email":"STAFF@example.com","course_id":"` + course + `","role":"instructor"}`

func TestTheTableOfTheContract(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const credentials = `{"detail":"Authentication credentials were not provided."}`
	for _, c := range []struct {
		name, method, token, media, body string
		status                           int
		want, challenge                  string
	}{
		{"no token", "POST", "", "application/json", good, 401, credentials, `Bearer realm="api"`},
		{"no token, GET", "GET", "", "", "", 401, credentials, `Bearer realm="api"`},
		{"another scheme", "POST", "Basic Z29vZDo=", "application/json", good, 401, credentials, `Bearer realm="api"`},
		{"unknown token", "POST", "Bearer nope", "application/json", good, 401, credentials,
			`Bearer realm="api",error="invalid_token",error_description="The access token is invalid."`},
		{"expired token", "POST", "Bearer old", "application/json", good, 401, credentials,
			`Bearer realm="api",error="invalid_token",error_description="The access token has expired."`},
		{"not staff", "POST", "Bearer plain", "application/json", good, 403, `{"detail":"You do not have permission to perform this action."}`, ""},
		{"GET", "GET", "Bearer good", "", "", 405, `{"detail":"Method \"GET\" not allowed."}`, ""},
		{"broken JSON", "POST", "Bearer good", "application/json", `{"email":`, 400, "", ""},
		{"array", "POST", "Bearer good", "application/json", `[]`, 400, "", ""},
		{"text", "POST", "Bearer good", "text/plain", good, 415, `{"detail":"Unsupported media type \"text/plain\" in request."}`, ""},
		{"no fields", "POST", "Bearer good", "application/json", `{}`, 400, `{"error":"Missing required fields: email and course_id"}`, ""},
		{"empty body", "POST", "Bearer good", "application/json", ``, 400, `{"error":"Missing required fields: email and course_id"}`, ""},
		{"empty course", "POST", "Bearer good", "application/json", `{"email":"a@example.com","course_id":""}`, 400,
			`{"error":"Missing required fields: email and course_id"}`, ""},
		{"odd types", "POST", "Bearer good", "application/json", `{"email":[],"course_id":{}}`, 400,
			`{"error":"Missing required fields: email and course_id"}`, ""},
		{"unknown person and course", "POST", "Bearer good", "application/json", `{"email":"who@example.com","course_id":"x"}`, 404,
			`{"error":"User not found"}`, ""},
		{"unknown course", "POST", "Bearer good", "application/json", `{"email":"staff@example.com","course_id":"x"}`, 404,
			`{"error":"Course run with id x not found"}`, ""},
		{"made", "POST", "Bearer good", "application/json", good, 201,
			`{"message":"Enrollment successful","enrollment_id":1,"active":true,"edx_enrolled":true}`, ""},
		{"there", "POST", "bearer good", "application/json; charset=utf-8", good, 200,
			`{"message":"Enrollment successful","enrollment_id":1,"active":true,"edx_enrolled":true}`, ""},
		{"form", "POST", "Bearer good", "application/x-www-form-urlencoded", "email=staff%40example.com&course_id=course-v1%3Ao%2Bc%2Br", 200,
			`{"message":"Enrollment successful","enrollment_id":1,"active":true,"edx_enrolled":true}`, ""},
	} {
		answer := g.send(c.method, enrollPath, c.body, "Authorization", c.token, "Content-Type", c.media)
		if answer.Status != c.status || c.want != "" && answer.Body != c.want || answer.Header.Get("Www-Authenticate") != c.challenge {
			t.Errorf("%s: %d %s, challenge %q; want %d %s", c.name, answer.Status, answer.Body, answer.Header.Get("Www-Authenticate"), c.status, c.want)
		}
		if strings.Contains(strings.ToLower(answer.Body), "@example.com") {
			t.Errorf("%s: personal data in %s", c.name, answer.Body)
		}
	}
	list, err := g.Roster(t.Context(), relay.RosterQuery{})
	if err != nil || len(list) != 1 || list[0].Mode != "audit" {
		t.Errorf("%+v %v", list, err)
	}
	pending, err := g.RosterPending(t.Context(), relay.Page{})
	if err != nil || len(pending) != 2 {
		t.Errorf("pending %+v %v", pending, err)
	}
}

func TestModeIsKeptAndAnEndedRecordComesBack(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	body := func(mode string) string { return strings.Replace(good, "{", `{"mode":"`+mode+`",`, 1) }
	if answer := g.send("POST", enrollPath, body("verified"), "Authorization", "Bearer good"); answer.Status != 201 {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	if _, err := g.DeactivateRoster(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if answer := g.send("POST", enrollPath, body("audit"), "Authorization", "Bearer good"); answer.Status != 200 || !strings.Contains(answer.Body, `"active":true`) {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	list, err := g.Roster(t.Context(), relay.RosterQuery{State: "active"})
	if err != nil || len(list) != 1 || list[0].Mode != "verified" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestConcurrentCallsMakeOneRecord(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 20 {
		wg.Go(func() {
			answer := g.send("POST", enrollPath, good, "Authorization", "Bearer good")
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.Status]++
		})
	}
	wg.Wait()
	if statuses[201] != 1 || statuses[200] != 19 {
		t.Errorf("statuses %v", statuses)
	}
}

func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	if answer := g.send("POST", enrollPath, good, "Authorization", "Bearer good"); answer.Status != 201 {
		t.Fatalf("%d", answer.Status)
	}
	g.must(g.RevokeToken(t.Context(), "good"))
	if answer := g.send("POST", enrollPath, good, "Authorization", "Bearer good"); answer.Status != 401 {
		t.Errorf("%d", answer.Status)
	}
}

func TestClientsFetchTokens(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	client := func(id, secret string, staff bool) {
		hash := sha256.Sum256([]byte(secret))
		g.must(g.CreateClient(t.Context(), relay.Client{ID: id, Name: id, Staff: staff, CreatedAt: time.Now()}, hash[:]))
	}
	client("staff", "s3cret", true)
	client("gone", "s3cret-2", true)
	if _, err := g.DisableClient(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, method, media, body, basic string
		status                           int
		code                             string
	}{
		{"form", "POST", form, "grant_type=client_credentials&client_id=staff&client_secret=s3cret", "", 200, ""},
		{"basic", "POST", form + "; charset=utf-8", "grant_type=client_credentials", "Basic c3RhZmY6czNjcmV0", 200, ""},
		{"wrong secret", "POST", form, "grant_type=client_credentials&client_id=staff&client_secret=x", "", 401, "invalid_client"},
		{"wrong basic", "POST", form, "grant_type=client_credentials", "Basic c3RhZmY6", 401, "invalid_client"},
		{"no basic", "POST", form, "grant_type=client_credentials", "Bearer good", 401, "invalid_client"},
		{"nobody", "POST", form, "grant_type=client_credentials", "", 401, "invalid_client"},
		{"another's secret", "POST", form, "grant_type=client_credentials&client_id=staff&client_secret=s3cret-2", "", 401, "invalid_client"},
		{"disabled", "POST", form, "grant_type=client_credentials&client_id=gone&client_secret=s3cret-2", "", 401, "invalid_client"},
		{"both ways", "POST", form, "grant_type=client_credentials&client_id=staff&client_secret=s3cret", "Basic c3RhZmY6czNjcmV0", 400, "invalid_request"},
		{"no grant", "POST", form, "client_id=staff&client_secret=s3cret", "", 400, "invalid_request"},
		{"another grant", "POST", form, "grant_type=password&client_id=staff&client_secret=s3cret", "", 400, "unsupported_grant_type"},
		{"scope", "POST", form, "grant_type=client_credentials&client_id=staff&client_secret=s3cret&scope=admin", "", 400, "invalid_scope"},
		{"twice", "POST", form, "grant_type=a&grant_type=b", "", 400, "invalid_request"},
		{"JSON", "POST", "application/json", `{"grant_type":"client_credentials"}`, "", 400, "invalid_request"},
		{"GET", "GET", form, "", "", 405, "invalid_request"},
	} {
		answer := g.send(c.method, "/oauth2/token", c.body, "Content-Type", c.media, "Authorization", c.basic)
		var got struct {
			Error   string
			Token   string `json:"access_token"`
			Type    string `json:"token_type"`
			Expires int    `json:"expires_in"`
		}
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || answer.Status != c.status || got.Error != c.code ||
			answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s, want %d %s", c.name, answer.Status, answer.Body, c.status, c.code)
		}
		if c.status != 200 {
			continue
		}
		if got.Type != "Bearer" || got.Expires != 36000 || !strings.HasPrefix(got.Token, enrollment.TokenPrefix) {
			t.Errorf("%s: %s", c.name, answer.Body)
		}
		if answer := g.send("POST", enrollPath, good, "Authorization", "Bearer "+got.Token); answer.Status/100 != 2 {
			t.Errorf("%s: the token is answered %d %s", c.name, answer.Status, answer.Body)
		}
	}
}

func TestGarbageIsNeverOurFault(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for name, body := range sourcetest.Garbage() {
		for _, media := range []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"} {
			for _, path := range []string{enrollPath, "/oauth2/token", "/webhooks/in/enrollment"} {
				answer := g.send("POST", path, body, "Authorization", "Bearer good", "Content-Type", media)
				if answer.Status < 400 || answer.Status >= 500 {
					t.Errorf("%s as %s at %s: %d %s", name, media, path, answer.Status, answer.Body)
				}
			}
		}
	}
	body := `{"email":"a\u0000@example.com","course_id":"` + strings.Repeat("x", 5000) + `"}`
	if answer := g.send("POST", enrollPath, body, "Authorization", "Bearer good"); answer.Status != 400 {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	if kept := g.door.Log.Kept(""); len(kept) != 0 {
		t.Errorf("%d messages kept", len(kept))
	}
}

// down is a ledger that is away.
type down struct{ source.Tokens }

func (down) TokenByHash(context.Context, []byte) (relay.Token, error) {
	return relay.Token{}, fmt.Errorf("look for token: %w", &relay.Error{Code: relay.CodeUnavailable, Message: "the ledger does not answer"})
}

func TestWithoutALedgerTheSenderHears503(t *testing.T) {
	t.Parallel()
	for _, ports := range []source.Ports{{}, {Tokens: down{}}} {
		made, err := sourcetest.Make(enrollment.Kind(), "enrollment", enrollment.Settings{}, ports)
		if err != nil {
			t.Fatal(err)
		}
		g := ground{t: t, door: sourcetest.Open(t, nil, made)}
		answer := g.send("POST", enrollPath, good, "Authorization", "Bearer good")
		if answer.Status != 503 || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", answer.Status, answer.Body)
		}
	}
}
