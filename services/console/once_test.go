package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/console"
)

// withKeys starts a console that understands Idempotency-Key, and gives the address of its ledger.
func withKeys(t *testing.T, change ...func(*console.Options)) (*running, string) {
	t.Helper()
	url := embeddedtest.Postgres(t)
	s := storetest.OpenURL(t, url)
	return start(t, append([]func(*console.Options){func(o *console.Options) { o.Ports.Idempotency = s }}, change...)...), url
}

// post makes an API key under an Idempotency-Key.
func (r *running) post(key string, body any, token string) (int, http.Header, []byte) {
	r.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+"/api/v1/keys", bytes.NewReader(raw))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Idempotency-Key", key)
	return r.send(req)
}

func viewerKey(name string) console.KeyRequest {
	return console.KeyRequest{Name: name, Role: relay.RoleViewer}
}

func TestARequestSentAgainIsWorkedOnce(t *testing.T) {
	t.Parallel()
	r, _ := withKeys(t)
	status, header, first := r.post("k1", viewerKey("a"), adminToken)
	if status != 201 || header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("%d %s", status, first)
	}
	status, header, again := r.post("k1", viewerKey("a"), adminToken)
	if status != 201 || !bytes.Equal(first, again) || header.Get("Idempotent-Replayed") != "true" || header.Get("Content-Type") == "" {
		t.Errorf("%d %v %s", status, header, again)
	}
	if status, _, raw := r.post("k1", viewerKey("b"), adminToken); status != http.StatusUnprocessableEntity || !bytes.Contains(raw, []byte("key_reused")) {
		t.Errorf("another request: %d %s", status, raw)
	}
	for range 2 { // a refusal is an answer like any other
		if status, _, raw := r.post("k2", viewerKey(""), adminToken); status != 400 || !bytes.Contains(raw, []byte("name must have")) {
			t.Errorf("a wrong request: %d %s", status, raw)
		}
	}
	if status, _, raw := r.post("\x80", viewerKey("c"), adminToken); status != 400 {
		t.Errorf("a key that is none: %d %s", status, raw)
	}
	// The same key of somebody else is another key.
	other := makeKey(r, relay.RoleAdmin, "").Key
	if status, header, raw := r.post("k1", viewerKey("a"), other); status != 201 || header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another caller: %d %s", status, raw)
	}
	if n := len(r.ledger.keys); n != 3 {
		t.Errorf("%d keys are made", n)
	}
	made := 0
	for _, e := range r.ledger.trail {
		if e.Status == 201 {
			made++
		}
	}
	if made != 3 {
		t.Errorf("the audit trail has %d", made)
	}
}

func TestManyWhoSendTheSameAtOnceGetOneAnswer(t *testing.T) {
	t.Parallel()
	r, _ := withKeys(t)
	var group sync.WaitGroup
	answers := make([][]byte, 12)
	for i := range answers {
		group.Go(func() {
			if status, _, raw := r.post("once", viewerKey("a"), adminToken); status == 201 {
				answers[i] = raw
			}
		})
	}
	group.Wait()
	for i, raw := range answers {
		if raw == nil || !bytes.Equal(raw, answers[0]) {
			t.Errorf("answer %d: %s", i, raw)
		}
	}
	if n := len(r.ledger.keys); n != 1 {
		t.Errorf("%d keys are made", n)
	}
}

func TestAnAnswerOutlivesTheProcessAndEndsAfterADay(t *testing.T) {
	t.Parallel()
	r, url := withKeys(t)
	_, _, first := r.post("k", viewerKey("a"), adminToken)
	next := start(t, func(o *console.Options) { o.Ports.Idempotency = storetest.OpenURL(t, url) })
	if status, _, again := next.post("k", viewerKey("a"), adminToken); status != 201 || !bytes.Equal(first, again) {
		t.Errorf("after a restart: %d %s", status, again)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var plain int
	secret := parse[console.NewKey](t, first).Key
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM idempotency_keys WHERE position($1::bytea IN answer) > 0`, []byte(secret)).Scan(&plain); err != nil || plain > 0 {
		t.Errorf("the secret stands in %d rows, %v", plain, err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	// A process that died in the middle: whether it is done nobody knows.
	exec(`UPDATE idempotency_keys SET status = 0, lease_until = now() - interval '1 second'`)
	if status, _, raw := next.post("k", viewerKey("a"), adminToken); status != http.StatusConflict || !bytes.Contains(raw, []byte("died")) {
		t.Errorf("after a death: %d %s", status, raw)
	}
	exec(`UPDATE idempotency_keys SET created_at = now() - interval '25 hours'`)
	if status, header, raw := next.post("k", viewerKey("b"), adminToken); status != 201 || header.Get("Idempotent-Replayed") != "" {
		t.Errorf("after a day: %d %s", status, raw)
	}
	if n, err := storetest.OpenURL(t, url).ForgetKeys(t.Context()); err != nil || n != 0 {
		t.Errorf("%d forgotten, %v", n, err)
	}
}

func TestAnAnswerThatIsNoOutcomeIsNotKept(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r, _ := withKeys(t, func(o *console.Options) { o.Now = func() time.Time { return now } })
	r.ledger.refuse = relay.Errorf(relay.CodeUnavailable, "away")
	if status, _, raw := r.post("k", viewerKey("a"), adminToken); status != 503 {
		t.Errorf("%d %s", status, raw)
	}
	r.ledger.refuse = nil
	if status, _, raw := r.post("k", viewerKey("a"), adminToken); status != 201 {
		t.Errorf("%d %s", status, raw)
	}
}
