package filter_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/internal/webfilter"
	"github.com/edrelay/edrelay/services/notifier/filter"
)

const enrollment = `{"user": {"id": 7, "password": "pbkdf2_sha256$600000$salt$aGFzaA==", "username": "mia", "email": "mia@example.org",
 "first_name": "", "is_staff": false, "is_superuser": false, "last_login": null}, "profile": {"id": 3, "user_id": 7, "name": "Mia"},
 "course_key": "course-v1:Uni+Math+2026", "mode": "audit",
 "event_metadata": {"event_type": "CourseEnrollmentStarted", "time": "2026-03-01 09:00:00.000001"}}`

const login = `{"user": {"id": 7, "first_name": ""}, "event_metadata": {"event_type": "StudentLoginRequested", "time": "2026-03-01 09:00:00"}}`

// house is a notifier's filters on a real NATS and a real Postgres.
type house struct {
	t            testing.TB
	bus          *bus.Bus
	ledger       *store.Store
	catalogue    *openedx.Catalogue
	service      *filter.Service
	declarations *filter.Declarations
	options      filter.Options
	stop         func() // ends Run and waits for it
}

func newHouse(t testing.TB, change ...func(*filter.Options)) *house {
	t.Helper()
	h := &house{t: t, ledger: storetest.Open(t)}
	var err error
	if h.bus, err = bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.bus.Close() })
	if h.catalogue, err = openedx.Load(); err != nil {
		t.Fatal(err)
	}
	ring, err := sealing.New(sealing.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	caller, err := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(caller.CloseIdle)
	options := filter.Options{Ledger: h.ledger, Bus: h.bus, Caller: caller, Sealer: ring, Catalogue: h.catalogue}
	for _, f := range change {
		f(&options)
	}
	h.options = options
	if h.service, err = filter.New(options); err != nil {
		t.Fatal(err)
	}
	h.declarations = &filter.Declarations{Ledger: h.ledger, Sealer: ring, Catalogue: h.catalogue, Changed: h.service.Refresh}
	h.run()
	return h
}

func (h *house) run() { h.stop = h.running(h.service) }

// running runs a service; the function that it gives ends that and waits for it.
func (h *house) running(service *filter.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// another runs a second process beside the first, and waits until it lives.
func (h *house) another() {
	h.t.Helper()
	counted := &countingLedger{Ledger: h.ledger, beat: make(chan struct{}, 1)}
	options := h.options
	options.Ledger, options.Metrics = counted, nil
	service, err := filter.New(options)
	if err != nil {
		h.t.Fatal(err)
	}
	h.running(service)
	select {
	case <-counted.beat:
	case <-time.After(time.Minute):
		h.t.Fatal("the second process does not live")
	}
}

// countingLedger tells of the first beat.
type countingLedger struct {
	filter.Ledger
	beat chan struct{}
}

func (c *countingLedger) BeatFilterService(ctx context.Context, id string, seen int64) error {
	err := c.Ledger.BeatFilterService(ctx, id, seen)
	select {
	case c.beat <- struct{}{}:
	default:
	}
	return err
}

// declare adds filters to the class CourseEnrollmentStarted, in order, unless they say another.
func (h *house) declare(filters ...relay.Filter) {
	h.t.Helper()
	for i, f := range filters {
		base := filter.Default()
		base.Name, base.Filter, base.Position = f.Name, "CourseEnrollmentStarted", i+1
		if f.Filter != "" {
			base.Filter = f.Filter
		}
		if f.Timeout == 0 {
			f.Timeout = base.Timeout
		}
		f.Filter, f.Position, f.Format, f.Enabled = base.Filter, base.Position, base.Format, true
		if f.Name == "" {
			f.Name = "filter-" + string(rune('a'+i))
		}
		if _, err := h.declarations.Add(h.t.Context(), f); err != nil {
			h.t.Fatal(err)
		}
	}
}

// clear removes all filters.
func (h *house) clear() {
	h.t.Helper()
	if _, err := h.declarations.Apply(h.t.Context(), nil, filter.ApplyOptions{Prune: true}); err != nil {
		h.t.Fatal(err)
	}
}

// ask asks as the door does, over NATS.
func (h *house) ask(body string) string {
	h.t.Helper()
	request, err := webfilter.Parse(h.catalogue, "application/json", []byte(body))
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 9*time.Second)
	defer cancel()
	answer, err := webfilter.Ask(ctx, h.bus, request, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return string(answer)
}

// url is a filter URL that answers with a status and a body, and remembers what it was asked.
type url struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func answering(t testing.TB, status int, body string) *url {
	return serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func serving(t testing.TB, handler http.HandlerFunc) *url {
	t.Helper()
	u := &url{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.asked = append(u.asked, string(body))
		u.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *url) questions() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.asked...)
}

func same(t testing.TB, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%s is no JSON: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%s is no JSON: %v", want, err)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("%s\nwant %s", x, y)
	}
}
