package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
)

const adminToken = "admin-token-of-the-test"

// ledger is a small ledger in memory that keeps to the contracts of the ports.
type ledger struct {
	mu          sync.Mutex
	webhooks    []relay.Webhook // newest first
	enrollments []relay.Enrollment
	keys        map[string]relay.APIKey // by hash
	trail       []relay.AuditEntry
	fail        error
	refuse      error // of new keys
}

func (l *ledger) Webhooks(_ context.Context, q relay.WebhookQuery) ([]relay.Webhook, error) {
	var rows []relay.Webhook
	for _, w := range l.webhooks {
		older := q.Before.IsZero() || w.ReceivedAt.Before(q.Before.Time) || w.ReceivedAt.Equal(q.Before.Time) && w.ID < q.Before.ID
		if older && len(rows) < q.Limit && (q.State == "" || w.State == q.State) && (q.Source == "" || w.Source == q.Source) {
			rows = append(rows, w)
		}
	}
	return rows, l.fail
}

func (l *ledger) Webhook(_ context.Context, id string) (relay.Webhook, error) {
	for _, w := range l.webhooks {
		if w.ID == id {
			return w, l.fail
		}
	}
	return relay.Webhook{}, relay.ErrNotFound
}

func (l *ledger) KnownWebhooks(_ context.Context, sequences []uint64) (map[uint64]bool, error) {
	known := map[uint64]bool{}
	for _, w := range l.webhooks {
		known[w.Sequence] = slices.Contains(sequences, w.Sequence)
	}
	return known, l.fail
}

func (l *ledger) Enrollments(_ context.Context, q relay.EnrollmentQuery) ([]relay.Enrollment, error) {
	before, _ := strconv.ParseInt(q.Before.ID, 10, 64)
	var rows []relay.Enrollment
	for _, e := range l.enrollments {
		if (before == 0 || e.ID < before) && len(rows) < q.Limit && (q.WebhookID == "" || e.WebhookID == q.WebhookID) {
			rows = append(rows, e)
		}
	}
	return rows, l.fail
}

func (l *ledger) Enrollment(_ context.Context, id int64) (relay.Enrollment, error) {
	for _, e := range l.enrollments {
		if e.ID == id {
			return e, nil
		}
	}
	return relay.Enrollment{}, relay.ErrNotFound
}

func (l *ledger) Attempts(context.Context, int64, int) ([]relay.Attempt, error) { return nil, nil }

func (l *ledger) APIKeys(context.Context, relay.APIKeyQuery) ([]relay.APIKey, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rows []relay.APIKey
	for _, k := range l.keys {
		rows = append(rows, k)
	}
	return rows, nil
}

func (l *ledger) APIKeyByHash(_ context.Context, hash []byte) (relay.APIKey, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key, ok := l.keys[string(hash)]; ok {
		return key, l.fail
	}
	return relay.APIKey{}, relay.ErrNotFound
}

func (l *ledger) CreateAPIKey(_ context.Context, key relay.APIKey, hash []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return l.refuse
	}
	l.keys[string(hash)] = key
	return nil
}

func (l *ledger) RevokeAPIKey(_ context.Context, id string) (relay.APIKey, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for hash, key := range l.keys {
		if key.ID == id {
			now := time.Now()
			key.RevokedAt = &now
			l.keys[hash] = key
			return key, nil
		}
	}
	return relay.APIKey{}, relay.ErrNotFound
}

func (l *ledger) RecordAudit(_ context.Context, e relay.AuditEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.ID = int64(len(l.trail) + 1)
	l.trail = slices.Insert(l.trail, 0, e)
	return nil
}

func (l *ledger) AuditTrail(_ context.Context, q relay.AuditQuery) ([]relay.AuditEntry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trail[:min(len(l.trail), q.Limit)], nil
}

// door stands for the configured sources.
type door struct{}

func (door) Sources(context.Context) ([]relay.Source, error) {
	return []relay.Source{{Name: "lernito", Kind: "lernito", State: "ready"}, {Name: "shopify", Kind: "shopify", State: "ready", Secrets: 2}}, nil
}

func (door) TestSource(_ context.Context, name string) (relay.SourceTest, error) {
	if name != "shopify" {
		return relay.SourceTest{}, relay.ErrNotFound
	}
	return relay.SourceTest{Source: name, Status: 200, OK: true}, nil
}

// running is a console on a free port.
type running struct {
	t      *testing.T
	url    string
	ledger *ledger
}

func start(t *testing.T, change ...func(*console.Options)) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rows := &ledger{keys: map[string]relay.APIKey{}}
	opts := console.Options{
		Listener: listener, Token: adminToken, Log: slog.New(slog.DiscardHandler),
		Ports: console.Ports{Webhooks: rows, Enrollments: rows, Sources: door{}, Keys: rows, Audit: rows},
	}
	for _, c := range change {
		c(&opts)
	}
	s, err := console.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return &running{t: t, url: "http://" + listener.Addr().String(), ledger: rows}
}

// call asks the API and gives status and body; token "" is the admin token, "-" none.
func (r *running) call(method, path, token string, body any) (int, []byte) {
	r.t.Helper()
	status, _, raw := r.callHeader(method, path, token, body)
	return status, raw
}

func (r *running) callHeader(method, path, token string, body any) (int, http.Header, []byte) {
	r.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, reader)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token == "" {
		token = adminToken
	}
	if token != "-" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return r.send(req)
}

func (r *running) send(req *http.Request) (int, http.Header, []byte) {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Error(err)
		return 0, nil, nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Error(err)
	}
	return resp.StatusCode, resp.Header, raw
}

// get asks for what must be there.
func get[T any](r *running, path string) T {
	r.t.Helper()
	status, raw := r.call(http.MethodGet, path, "", nil)
	if status != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", path, status, raw)
	}
	return parse[T](r.t, raw)
}

func parse[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var into T
	if err := json.Unmarshal(raw, &into); err != nil {
		t.Fatalf("%v in %.200s", err, raw)
	}
	return into
}

// rowsOf is a page of a list.
type rowsOf[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}
