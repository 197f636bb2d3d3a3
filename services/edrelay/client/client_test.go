package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/client"
)

func serve(t *testing.T, status int, body string, seen *http.Request) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			*seen = *r.Clone(r.Context())
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return dial(t, server.URL+"/", "secret-token")
}

func dial(t *testing.T, server, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Server: server, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAProblemOfTheServerIsTheErrorWithItsHint(t *testing.T) {
	t.Parallel()
	c := serve(t, 404, `{"code":"not_found","detail":"no such webhook","hint":"look with webhook ls"}`, nil)
	err := c.Get(t.Context(), "/webhooks/x", nil, nil)
	problem, ok := err.(*relay.Error)
	if !ok || problem.Code != relay.CodeNotFound || problem.Message != "no such webhook" || problem.Hint != "look with webhook ls" {
		t.Errorf("%#v", err)
	}
}

func TestWhatIsNoEdrelaySaysSo(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{502: "<html>", 403: `{"x":1}`, 200: "<html>"} {
		err := serve(t, status, body, nil).Get(t.Context(), "/webhooks", nil, new(map[string]any))
		problem, ok := err.(*relay.Error)
		if !ok || problem.Hint == "" || strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestNobodyThereHasANextStep(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	err := dial(t, server.URL, "secret-token").Get(t.Context(), "/webhooks", nil, nil)
	problem, ok := err.(*relay.Error)
	if !ok || problem.Code != relay.CodeUnavailable || !strings.Contains(problem.Hint, "edrelay up") {
		t.Errorf("%v", err)
	}
	err = dial(t, server.URL, "").Get(t.Context(), "/webhooks", nil, nil)
	if relay.CodeOf(err) != relay.CodeUnauthorized {
		t.Errorf("%v", err)
	}
}

func TestAServerThatIsNoAddressIsRefused(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"ftp://x", "http://", "http://a b", "://"} {
		if _, err := client.New(client.Options{Server: server}); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%s: %v", server, err)
		}
	}
	if c := dial(t, "127.0.0.1:9", ""); c.Server() != "http://127.0.0.1:9" {
		t.Errorf("%s", c.Server())
	}
}

func TestAListIsReadRowByRow(t *testing.T) {
	t.Parallel()
	var seen http.Request
	c := serve(t, 200, `{"items":[{"id":"b"},{"id":"a"}],"next":""}`, &seen)
	rows, err := client.List[relay.Webhook](t.Context(), c, "/webhooks", map[string][]string{"state": {"done"}}, 0)
	if err != nil || len(rows) != 2 || rows[1].ID != "a" {
		t.Fatalf("%v %v", rows, err)
	}
	if seen.URL.String() != "/api/v1/webhooks?limit=0&state=done" || seen.Header.Get("Authorization") != "Bearer secret-token" {
		t.Errorf("%s %v", seen.URL, seen.Header)
	}
}

func TestAListThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"items":[{"id":"b"},`, `{"items":[{"id":"b"}`, `{"items":[`, ``, `{"items":[],"next":""`} {
		if _, err := client.List[relay.Webhook](t.Context(), serve(t, 200, body, nil), "/webhooks", nil, 0); err == nil {
			t.Errorf("%s: taken for whole", body)
		}
	}
}
