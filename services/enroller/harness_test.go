package enroller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/enroller/lms"
	"github.com/edrelay/edrelay/services/lmssim"
)

const course = "course-v1:org+course+run1"

// feed is a log of webhooks whose bodies are orders as JSON. What isn't acknowledged comes again to the next reader.
type feed struct {
	mu      sync.Mutex
	log     []relay.Received
	next    int
	acked   map[uint64]bool
	changed chan struct{}
}

func newFeed() *feed { return &feed{acked: map[uint64]bool{}, changed: make(chan struct{}, 1)} }

func (f *feed) put(source string, order relay.Order, header ...string) string {
	body, err := json.Marshal(order)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sequence := uint64(len(f.log) + 1)
	id := fmt.Sprintf("w%d", sequence)
	m := relay.Message{ID: id, Source: "/sources/" + source, Body: body, Header: map[string]string{
		relay.HeaderSource: source, relay.HeaderTopic: "orders/create",
	}}
	for i := 0; i < len(header); i += 2 {
		m.Header[header[i]] = header[i+1]
	}
	f.log = append(f.log, relay.Received{Message: m, Stream: relay.StreamWebhooks, Sequence: sequence, Stored: time.Now(), Attempt: 1, Reply: acker{f, sequence}})
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return id
}

func (f *feed) Fetch(ctx context.Context, most int) ([]relay.Received, error) {
	for {
		f.mu.Lock()
		if f.next < len(f.log) {
			end := min(f.next+most, len(f.log))
			batch := f.log[f.next:end]
			f.next = end
			f.mu.Unlock()
			return batch, nil
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.changed:
		}
	}
}

type acker struct {
	feed     *feed
	sequence uint64
}

func (a acker) Ack(context.Context) error {
	a.feed.mu.Lock()
	defer a.feed.mu.Unlock()
	a.feed.acked[a.sequence] = true
	return nil
}
func (a acker) Again(context.Context, time.Duration) error { return nil }
func (a acker) Working(context.Context) error              { return nil }

// site is a simulated LMS behind a real HTTP server.
type site struct {
	*lmssim.Server
	t   testing.TB
	url string
}

func newSite(t testing.TB, settings lmssim.Settings) *site {
	t.Helper()
	sim := lmssim.New(lmssim.Options{Settings: settings})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.ClearFaults(); server.CloseClientConnections(); server.Close() })
	s := &site{Server: sim, t: t, url: server.URL}
	s.user(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true})
	s.must(sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}))
	s.must(sim.AddCourse(lmssim.Course{Key: course, Name: "A course"}))
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) user(u lmssim.User) {
	s.t.Helper()
	_, err := s.AddUser(u)
	s.must(err)
}

func (s *site) learner(email string) string {
	s.user(lmssim.User{Username: strings.NewReplacer("@", "_", ".", "_").Replace(email), Email: email, Active: true})
	return email
}

func (s *site) fault(f lmssim.Fault) {
	s.t.Helper()
	_, err := s.SetFault(f)
	s.must(err)
}

// in tells whether the account with the address is actively enrolled.
func (s *site) in(email, key string) bool {
	state := s.State()
	for _, u := range state.Users {
		if !strings.EqualFold(u.Email, email) {
			continue
		}
		for _, e := range state.Enrollments {
			if e.User == u.Username && e.Course == key && e.Active {
				return true
			}
		}
	}
	return false
}

func (s *site) allowed(email, key string) bool {
	for _, a := range s.State().Allowances {
		if strings.EqualFold(a.Email, email) && a.Course == key {
			return true
		}
	}
	return false
}

func (s *site) mails(email string) (n int) {
	for _, m := range s.Mails() {
		if strings.EqualFold(m.To, email) {
			n++
		}
	}
	return n
}

func (s *site) bulkCalls() int { return len(s.Requests(lmssim.EndpointBulk)) }

// published is a log of events that has every id once.
type published struct {
	mu     sync.Mutex
	events map[string]relay.Message
}

func (p *published) PublishBatch(_ context.Context, messages []relay.Message) ([]relay.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		p.events[m.DedupID] = m
	}
	return make([]relay.Receipt, len(messages)), nil
}

func (p *published) count(eventType string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.events {
		if m.Type == eventType {
			n++
		}
	}
	return n
}

// sent keeps what senders that wait were told.
type sent struct{ c chan relay.Message }

func (s sent) Send(_ context.Context, subject string, m relay.Message) error {
	m.Subject = subject
	s.c <- m
	return nil
}

// bench is a whole enroller on a real ledger and a simulated LMS.
type bench struct {
	t       testing.TB
	site    *site
	url     string
	ledger  *store.Store
	feed    *feed
	events  *published
	sent    sent
	policy  enroller.Policy
	noLMS   bool
	through func(*store.Store) enroller.Ledger // what the process sees of the ledger; nil: all of it
	log     *lockedBuffer
	service *enroller.Service
	metrics *prometheus.Registry
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newBench(t testing.TB, settings lmssim.Settings) *bench {
	t.Helper()
	url := embeddedtest.Postgres(t)
	return &bench{
		t: t, site: newSite(t, settings), url: url, ledger: storetest.OpenURL(t, url), feed: newFeed(),
		events: &published{events: map[string]relay.Message{}}, sent: sent{make(chan relay.Message, 16)}, log: &lockedBuffer{},
		policy: enroller.Policy{
			CallsPerMinute: 100_000, AutoEnroll: true, EmailStudents: true, Poll: 10 * time.Millisecond, Linger: 20 * time.Millisecond, Probe: 50 * time.Millisecond,
			Retry: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond},
		},
	}
}

// start runs one enroller process until stop, or the end of the test.
func (b *bench) start() (stop func()) {
	b.t.Helper()
	b.metrics = prometheus.NewRegistry()
	options := enroller.Options{
		Webhooks: b.feed, Ledger: b.ledger, Publisher: b.events, Sender: b.sent, Policy: b.policy, Metrics: b.metrics,
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
		Read: func(m relay.Message) (order relay.Order, err error) {
			return order, json.Unmarshal(m.Body, &order)
		},
	}
	if b.through != nil {
		options.Ledger = b.through(b.ledger)
	}
	if !b.noLMS {
		client, err := lms.New(lms.Options{URL: b.site.url, ClientID: "edrelay", ClientSecret: "s3cret", Timeout: 2 * time.Second})
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(client.Close)
		options.LMS = client
	}
	service, err := enroller.New(options)
	if err != nil {
		b.t.Fatal(err)
	}
	b.service = service
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				b.t.Errorf("Run: %v", err)
			}
		})
	}
	b.t.Cleanup(stop)
	return stop
}

// until waits for a condition; it fails the test after 20 s.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			rows, _ := b.ledger.Enrollments(context.Background(), relay.EnrollmentQuery{})
			b.t.Fatalf("never: %s\nrows: %+v\nlog:\n%s", what, rows, b.log)
		}
	}
}

func (b *bench) rows(state relay.EnrollmentState) []relay.Enrollment {
	b.t.Helper()
	rows, err := b.ledger.Enrollments(context.Background(), relay.EnrollmentQuery{State: state})
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

func (b *bench) settled(state relay.EnrollmentState, n int) []relay.Enrollment {
	b.t.Helper()
	var rows []relay.Enrollment
	b.until(fmt.Sprintf("%d rows %s", n, state), func() bool {
		rows = b.rows(state)
		return len(rows) == n
	})
	return rows
}

func (b *bench) webhook(id string, state relay.WebhookState) relay.Webhook {
	b.t.Helper()
	var found relay.Webhook
	b.until("webhook "+id+" "+string(state), func() bool {
		var err error
		found, err = b.ledger.Webhook(context.Background(), id)
		return err == nil && found.State == state
	})
	return found
}

func order(id string, version int, lines ...relay.Line) relay.Order {
	return relay.Order{ID: id, Version: time.Unix(int64(version), 0).UTC(), Intent: relay.IntentEnroll, Lines: lines}
}

func line(id, sku, learner string) relay.Line {
	return relay.Line{ID: id, SKU: sku, Learner: learner, Quantity: 1}
}
