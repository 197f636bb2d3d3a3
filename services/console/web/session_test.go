package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
)

// post sends a form as a browser on this site would, or as another site would have it.
func (g *ground) post(client *http.Client, path, site string, form url.Values) *http.Response {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", site)
	resp, err := client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func TestASessionIsGuarded(t *testing.T) {
	t.Parallel()
	g := newGround(t, func(o *console.Options) { o.Ports.Retry = nil })
	client := g.browserless()
	login := url.Values{"token": {adminToken}, "to": {"//evil.example/"}}
	if got := g.post(client, "/login", "cross-site", login); got.StatusCode != http.StatusForbidden {
		t.Errorf("login from elsewhere: %d", got.StatusCode)
	}
	if got := g.post(client, "/login", "same-origin", url.Values{"token": {"wrong"}}); got.StatusCode != http.StatusUnauthorized || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("wrong token: %d %s", got.StatusCode, got.Header.Get("Set-Cookie"))
	}
	got := g.post(client, "/login", "same-origin", login)
	cookie := got.Header.Get("Set-Cookie")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/" {
		t.Errorf("login leads %d to %s", got.StatusCode, got.Header.Get("Location"))
	}
	for _, part := range []string{"HttpOnly", "SameSite=Lax", "path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %s lacks %s", cookie, part)
		}
	}
	if strings.Contains(cookie, adminToken) {
		t.Error("the token is in the cookie")
	}
	page, err := client.Get(g.url + "/webhooks")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if policy := page.Header.Get("Content-Security-Policy"); page.StatusCode != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%d, policy %s", page.StatusCode, policy)
	}
	for _, form := range []url.Values{{}, {"form": {"guess"}}} {
		if got := g.post(client, "/logout", "same-origin", form); got.StatusCode != http.StatusForbidden {
			t.Errorf("a form without its token: %d", got.StatusCode)
		}
	}
}

func TestAForgedCookieIsNoSession(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for _, value := range []string{"", "x", "e30.x", "eyJuIjoiYSIsInUiOiIyMDk5LTAxLTAxVDAwOjAwOjAwWiJ9.AAAA"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/webhooks", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(&http.Cookie{Name: "edrelay_session", Value: value})
		resp, err := g.browserless().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(resp.Header.Get("Location"), "/login") {
			t.Errorf("%q: %d", value, resp.StatusCode)
		}
	}
}

func TestAViewerSeesAndChangesNothing(t *testing.T) {
	t.Parallel()
	one := &crm{}
	g := newGround(t, withOut(one))
	status, key := g.key(relay.RoleViewer)
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	client := g.browserless()
	g.post(client, "/login", "same-origin", url.Values{"token": {key}})
	for path, want := range map[string]int{"/subscriptions/crm": 200, "/trail": 403, "/replays/new": 403} {
		resp, err := client.Get(g.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if got := g.post(client, "/subscriptions/crm/pause", "same-origin", url.Values{}); got.StatusCode != http.StatusForbidden || one.paused {
		t.Errorf("pause: %d, paused %v", got.StatusCode, one.paused)
	}
	g.post(g.browserless(), "/login", "same-origin", url.Values{"token": {"guessed"}})
	trail, err := g.store.AuditTrail(t.Context(), relay.AuditQuery{State: relay.AuditRefused, Page: relay.Page{Limit: 10}})
	var refused []string
	for _, e := range trail {
		refused = append(refused, e.Who+" "+e.Action+" "+e.Target)
	}
	if want := "unknown console login ,n console /subscriptions/:id/pause crm,n console /replays/new ,n console /trail "; err != nil || strings.Join(refused, ",") != want {
		t.Errorf("refusals written down: %q, %v", refused, err)
	}
}

func TestABrowserThatIsLostSeesAPage(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for accept, want := range map[string]string{"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": "text/html", "*/*": "application/problem+json", "": "application/problem+json"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/nothing/here", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := g.browserless().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusNotFound || !strings.HasPrefix(got, want) {
			t.Errorf("Accept %q: %d %s, want %s", accept, resp.StatusCode, got, want)
		}
	}
}
