package main

import (
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// status runs a command against the running edrelay and gives its exit status and what it said.
func (u *up) status(t testing.TB, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), u.program, append(args, "--config", filepath.Join(u.dir, "edrelay.yaml"), "--server", "http://"+u.admin)...)
	cmd.Dir = u.dir
	out, err := cmd.CombinedOutput()
	if exit := (&exec.ExitError{}); errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

func TestTheExitStatusSaysWhatBecameOfAChange(t *testing.T) {
	t.Parallel()
	u := newUp(t, "sources:\n  - { name: shopify, kind: shopify, shop_domain: a.example, secrets: [s] }\n  - { name: enrollment, kind: enrollment }\n")
	u.start(t)
	defer u.stop(t)
	forged, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+u.door+"/webhooks/shopify/order/create", strings.NewReader(`{"id":1}`))
	if err != nil {
		t.Fatal(err)
	}
	forged.Header.Set("X-Shopify-Shop-Domain", "a.example")
	forged.Header.Set("X-Shopify-Hmac-Sha256", "AAAA")
	response, err := http.DefaultClient.Do(forged)
	if err != nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("%v, %v", response, err)
	}
	_ = response.Body.Close()
	u.eventually(t, "rejected-1", "webhook", "ls", "--state", "rejected")
	for args, want := range map[string]int{
		"webhook reverify rejected-1": 1, "webhook reverify rejected-99": 1, "webhook reverify --all": 0, "enrollment retry --state broken": 2,
		"token create --name n --ttl soon": 2, "client rotate c --grace soon": 2, "token revoke none": 1, "token create --name n": 0,
	} {
		if got, said := u.status(t, strings.Fields(args)...); got != want || (want > 0 && !strings.Contains(said, "→")) {
			t.Errorf("%s: status %d, want %d, and a next step: %s", args, got, want, said)
		}
	}
}

// eventually waits until a command prints a text.
func (u *up) eventually(t testing.TB, text string, args ...string) {
	t.Helper()
	for {
		if _, said := u.status(t, args...); strings.Contains(said, text) {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("%s never said %s", args, text)
		}
	}
}
