package lmssim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

const (
	course   = "course-v1:org+course+run1"
	bulkPath = "/api/bulk_enroll/v1/bulk_enroll"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// platform is a simulator behind a real HTTP server, with a staff client, a clock and one course.
type platform struct {
	*lmssim.Server
	t     *testing.T
	url   string
	clock *clock
	auth  string // Authorization of the staff client
}

func newPlatform(t *testing.T, set lmssim.Settings) *platform {
	t.Helper()
	return newPlatformWith(t, lmssim.Options{Settings: set})
}

func newPlatformWith(t *testing.T, opt lmssim.Options) *platform {
	t.Helper()
	p := &platform{t: t, clock: newClock()}
	opt.Now = p.clock.Now
	p.Server = lmssim.New(opt)
	server := httptest.NewServer(p.Server)
	t.Cleanup(func() { p.ClearFaults(); server.Close() })
	p.url = server.URL
	p.addUser(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true})
	p.must(p.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}))
	p.must(p.AddCourse(lmssim.Course{Key: course, Name: "A course"}))
	p.auth = "Bearer " + p.token("")
	return p
}

func (p *platform) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) addUser(u lmssim.User) {
	p.t.Helper()
	_, err := p.AddUser(u)
	p.must(err)
}

// learner adds an active account.
func (p *platform) learner(email string) {
	p.t.Helper()
	p.addUser(lmssim.User{Email: email, Active: true})
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	closed bool // it said Connection: close
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%d: no JSON object: %q", a.status, a.body)
	}
	return v
}

var direct = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       20 * time.Second,
}

// try sends a request; head holds pairs of header names and values.
func (p *platform) try(method, path, contentType string, body []byte, head ...string) (answer, error) {
	req, err := http.NewRequest(method, p.url+path, bytes.NewReader(body))
	p.must(err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	resp, err := direct.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got, resp.Close}, err
}

func (p *platform) do(method, path, contentType, body string, head ...string) answer {
	p.t.Helper()
	a, err := p.try(method, path, contentType, []byte(body), head...)
	p.must(err)
	return a
}

func (p *platform) form(path string, values url.Values, head ...string) answer {
	p.t.Helper()
	return p.do("POST", path, "application/x-www-form-urlencoded", values.Encode(), head...)
}

// staff sends a JSON request as the staff client.
func (p *platform) staff(method, path, body string) answer {
	p.t.Helper()
	return p.do(method, path, "application/json", body, "Authorization", p.auth)
}

func tokenForm(kind string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {"edrelay"}, "client_secret": {"s3cret"}, "token_type": {kind}}
}

func (p *platform) token(kind string) string {
	p.t.Helper()
	a := p.form("/oauth2/access_token", tokenForm(kind))
	token, _ := a.json(p.t)["access_token"].(string)
	if a.status != 200 || token == "" {
		p.t.Fatalf("token: %d %s", a.status, a.body)
	}
	return token
}

// bulk enrols with auto_enroll and without mail.
func (p *platform) bulk(identifiers string, more ...string) answer {
	p.t.Helper()
	values := url.Values{"action": {"enroll"}, "auto_enroll": {"True"}, "courses": {course}, "identifiers": {identifiers}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return p.form(bulkPath, values, "Authorization", p.auth)
}

// result is the outcome of the n-th identifier in the course.
func (a answer) result(t *testing.T, n int) map[string]any {
	t.Helper()
	courses, _ := a.json(t)["courses"].(map[string]any)
	of, _ := courses[course].(map[string]any)
	results, _ := of["results"].([]any)
	if a.status != 200 || n >= len(results) {
		t.Fatalf("no result %d: %d %s", n, a.status, a.body)
	}
	result, _ := results[n].(map[string]any)
	return result
}

// flags writes before and after as "TFFF>TTFF": user, enrollment, allowed, auto_enroll.
func flags(result map[string]any) string {
	if result["invalidIdentifier"] == true {
		return "invalid"
	}
	if result["error"] == true {
		return "error"
	}
	write := func(side string) string {
		var b strings.Builder
		of, _ := result[side].(map[string]any)
		for _, name := range []string{"user", "enrollment", "allowed", "auto_enroll"} {
			b.WriteByte(map[any]byte{true: 'T', false: 'F'}[of[name]])
		}
		return b.String()
	}
	return write("before") + ">" + write("after")
}

// fault sets a fault.
func (p *platform) fault(f lmssim.Fault) lmssim.Fault {
	p.t.Helper()
	f, err := p.SetFault(f)
	p.must(err)
	return f
}

// waitFor returns when something has come true.
func waitFor(t *testing.T, come func() bool) {
	t.Helper()
	tick, give := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !come() {
		select {
		case <-tick.C:
		case <-give:
			t.Fatal("waited too long")
		}
	}
}
