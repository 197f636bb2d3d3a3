package console_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
)

func TestReadinessNamesWhatIsWrongAndNothingSecret(t *testing.T) {
	t.Parallel()
	var sick error
	r := start(t, func(o *console.Options) {
		o.Checks = []console.Check{
			{Name: "log", Test: func(context.Context) error { return nil }},
			{Name: "ledger", Test: func(context.Context) error { return sick }},
		}
	})
	if status, raw := r.call(http.MethodGet, "/readyz", "-", nil); status != 200 || !strings.Contains(string(raw), `"ledger":"ok"`) {
		t.Errorf("well: %d %s", status, raw)
	}
	sick = &relay.Error{Code: relay.CodeUnavailable, Message: "Postgres is away.", Err: errors.New("postgres://u:secret@h")}
	status, raw := r.call(http.MethodGet, "/readyz", "-", nil)
	if status != 503 || !strings.Contains(string(raw), `"ledger":"Postgres is away."`) || !strings.Contains(string(raw), `"log":"ok"`) {
		t.Errorf("sick: %d %s", status, raw)
	}
	if status, _ := r.call(http.MethodGet, "/healthz", "-", nil); status != 200 {
		t.Errorf("health: %d", status)
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "edrelay_test_total", Help: "x"})
	registry.MustRegister(counter)
	r := start(t, func(o *console.Options) { o.Metrics = registry })
	if status, raw := r.call(http.MethodGet, "/metrics", "-", nil); status != 200 || !strings.Contains(string(raw), "edrelay_test_total 0") {
		t.Errorf("%d %s", status, raw)
	}
}

func TestWhatIsMissingIsNamedWithTheCommandThatListsTheRest(t *testing.T) {
	t.Parallel()
	r := start(t)
	_, raw := r.call(http.MethodGet, "/api/v1/webhooks/none", "", nil)
	for _, part := range []string{`There is no webhook \"none\".`, "`edrelay webhook ls`", `"code":"not_found"`} {
		if !strings.Contains(string(raw), part) {
			t.Errorf("%s lacks %s", raw, part)
		}
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/api/v1/nothing", 404}, {http.MethodGet, "/nothing", 404}, {http.MethodPut, "/api/v1/webhooks", 405},
		{http.MethodGet, "/api/v1/webhooks/none", 404}, {http.MethodGet, "/api/v1/enrollments/none", 404},
		{http.MethodGet, "/api/v1/enrollments/-1", 404}, {http.MethodGet, "/api/v1/webhooks/%00", 404},
	} {
		status, header, raw := r.callHeader(c.method, c.path, "", nil)
		if status != c.want || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, raw)
		}
	}
}

func TestEveryRefusalIsAProblem(t *testing.T) {
	t.Parallel()
	r := start(t)
	viewer := makeKey(r, relay.RoleViewer, "").Key
	for _, c := range []struct {
		method, path, token, media string
		size, want                 int
	}{
		{http.MethodGet, "/api/v1/webhooks", "-", "", 0, 401}, {http.MethodGet, "/api/v1/nothing", "-", "", 0, 401},
		{http.MethodPost, "/api/v1/keys", viewer, "application/json", 2, 403}, {http.MethodDelete, "/api/v1/nothing/at/all", "", "", 0, 404},
		{http.MethodDelete, "/api/v1/webhooks", "", "", 0, 405}, {http.MethodPatch, "/api/v1/keys", "", "", 0, 405}, {http.MethodPost, "/api/v1/keys", "", "application/json", 5 << 20, 413},
		{http.MethodPost, "/api/v1/keys", "", "text/plain", 2, 415}, {http.MethodPost, "/healthz", "-", "", 0, 405}, {http.MethodPut, "/nothing", "-", "", 0, 404},
		{"BREW", "/api/v1/webhooks", "", "", 0, 501}, {"BREW", "/nothing", "-", "", 2, 501}, {"get", "/healthz", "-", "", 0, 501},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, r.url+c.path, strings.NewReader(strings.Repeat(" ", c.size)))
		if err != nil {
			t.Fatal(err)
		}
		if c.token == "" {
			c.token = adminToken
		}
		if c.token != "-" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		req.Header.Set("Content-Type", c.media)
		status, header, raw := r.send(req)
		if status != c.want || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s %s: %d, want %d: %s %s", c.method, c.path, status, c.want, header.Get("Content-Type"), raw)
			continue
		}
		if p := parse[console.Problem](t, raw); p.Status != c.want || p.Code == "" || p.Detail == "" || p.Title == "" {
			t.Errorf("%s %s: %s", c.method, c.path, raw)
		}
		if c.want == 405 && header.Get("Allow") == "" {
			t.Errorf("%s %s: it does not say what is allowed", c.method, c.path)
		}
	}
}

func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	r := start(t)
	for body, want := range map[string]int{
		`{"name":"n","role":"viewer"}`: 201, `{"name":"n","role":"viewer","x":1}`: 400, `{"name":"n","role":"king"}`: 400, `{"name":""}`: 400,
		`{"name":"n","role":"viewer"} {}`: 400, `[]`: 400, ``: 400, `null`: 400, `{"name":1}`: 400, "\xff": 400, `{"name":"n","role":"viewer","ttl":"-1h"}`: 400,
	} {
		req, err := http.NewRequest(http.MethodPost, r.url+"/api/v1/keys", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminToken)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, resp.StatusCode, want)
		}
	}
}
