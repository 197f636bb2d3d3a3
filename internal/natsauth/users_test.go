package natsauth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/internal/relay"
)

const (
	openSubject   = "events.org.openedx.learning.student.registration.completed.v1"
	openBranch    = "events.org.openedx.learning.>"
	closedSubject = "events.io.edrelay.enrollment.failed.v1"
)

// ground is a server in operator mode with a stream of events and edrelay's own connection.
type ground struct {
	url       string
	authority *natsauth.Authority
	users     *natsauth.Users
	js        jetstream.JetStream
}

func newGround(t *testing.T) *ground {
	t.Helper()
	authority, err := natsauth.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server, err := embedded.StartNATS(embedded.NATSConfig{Dir: t.TempDir(), Addr: "127.0.0.1:0", Authority: authority})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	g := &ground{url: server.URL(), authority: authority}
	g.users = natsauth.NewUsers(natsauth.Options{Authority: authority, URL: g.url})
	g.js = jetStream(t, connect(t, g.url, nats.UserCredentials(authority.CredentialsFile())))
	_, err = g.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: relay.StreamEvents, Subjects: []string{"events.>"}, MaxAge: time.Hour, AllowDirect: true, AllowAtomicPublish: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: relay.StreamWebhooks, Subjects: []string{"webhooks.>"}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *ground) publish(t *testing.T, subject, body string) {
	t.Helper()
	if _, err := g.js.Publish(t.Context(), subject, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// reader adds a user and connects as it.
func (g *ground) reader(t *testing.T, name string, allow ...string) *nats.Conn {
	t.Helper()
	made, err := g.users.Add(t.Context(), name, allow)
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, g.url, nats.UserCredentialBytes([]byte(made.Creds)), nats.CustomInboxPrefix(made.InboxPrefix))
}

func connect(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, append(options, nats.NoReconnect(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func jetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func bodies(t *testing.T, consumer jetstream.Consumer, n int) string {
	t.Helper()
	var got []string
	for range n {
		msg, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		got = append(got, string(msg.Data()))
		_ = msg.Ack()
	}
	return strings.Join(got, " ")
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	if _, err := nats.Connect(g.url); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("anonymous: %v", err)
	}
	other, err := natsauth.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Connect(g.url, nats.UserCredentials(other.CredentialsFile())); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("another operator's credentials: %v", err)
	}
}

func TestAReaderSeesItsEventsLiveInOrderAndDurably(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.publish(t, openSubject, "1")
	g.publish(t, closedSubject, "hidden")
	g.publish(t, openSubject, "2")
	nc := g.reader(t, "crm", openBranch)
	live, err := nc.SubscribeSync(openBranch)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	g.publish(t, openSubject, "3")
	js := jetStream(t, nc)

	ordered, err := js.OrderedConsumer(t.Context(), relay.StreamEvents, jetstream.OrderedConsumerConfig{FilterSubjects: []string{openBranch}})
	if err != nil {
		t.Fatal(err)
	}
	if got := bodies(t, ordered, 3); got != "1 2 3" {
		t.Errorf("ordered: %s", got)
	}
	durable, err := js.CreateOrUpdateConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{
		Durable: "billing", FilterSubject: openSubject, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := bodies(t, durable, 3); got != "1 2 3" {
		t.Errorf("durable: %s", got)
	}
	if msg, err := live.NextMsg(5 * time.Second); err != nil || string(msg.Data) != "3" {
		t.Errorf("live: %v %v", msg, err)
	}
}

func TestAReaderGetsNothingElse(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.publish(t, closedSubject, "hidden")
	_, err := g.js.CreateConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{Durable: "notifier", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	nc := g.reader(t, "crm", openBranch)
	other := g.reader(t, "other", closedSubject)
	js := jetStream(t, nc)

	if _, err := js.CreateConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{FilterSubject: closedSubject}); err == nil {
		t.Error("a consumer on another subject was made")
	}
	all, err := js.CreateConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{Durable: "all"})
	if err != nil {
		t.Fatal(err)
	}
	if msgs, err := all.FetchNoWait(10); err == nil {
		for msg := range msgs.Messages() {
			t.Errorf("read %s", msg.Subject())
		}
	}
	if _, err := js.Consumer(t.Context(), relay.StreamEvents, "notifier"); err == nil {
		t.Error("the notifier's consumer is in reach")
	}
	if _, err := jetStream(t, other).Consumer(t.Context(), relay.StreamEvents, "all"); err == nil {
		t.Error("another reader's consumer is in reach")
	}
	for _, subject := range []string{closedSubject, "webhooks.>", "events.>", "_INBOX.>", "_INBOX_other.>", "readers.>", "$JS.>", "$SYS.>", ">"} {
		if permitted(t, nc, func() error { _, err := nc.SubscribeSync(subject); return err }) {
			t.Errorf("may subscribe to %s", subject)
		}
	}
	for _, subject := range []string{
		openSubject, "webhooks.shopify.orders.create", "filters.X", "$JS.API.STREAM.CREATE.EVENTS", "$JS.API.STREAM.DELETE.EVENTS",
		"$JS.API.STREAM.PURGE.EVENTS", "$JS.API.STREAM.UPDATE.EVENTS", "$JS.API.STREAM.INFO.WEBHOOKS", "edrelay.api.CONSUMER.RESET.EVENTS.x",
		"$SYS.REQ.CLAIMS.UPDATE",
	} {
		if permitted(t, nc, func() error { return nc.Publish(subject, nil) }) {
			t.Errorf("may publish to %s", subject)
		}
	}
}

// A push consumer delivers wherever its maker says; in the reader's own account that reaches nobody.
func TestAPushConsumerOfAReaderForgesNothing(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.publish(t, openSubject, "1")
	js := jetStream(t, g.reader(t, "crm", openBranch))
	for _, target := range []string{"webhooks.shopify.orders.create", "events.io.edrelay.forged.v1"} {
		_, err := js.CreatePushConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{
			DeliverSubject: target, FilterSubject: openBranch, AckPolicy: jetstream.AckNonePolicy,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	g.publish(t, openSubject, "2")
	for stream, want := range map[string]uint64{relay.StreamWebhooks: 0, relay.StreamEvents: 2} {
		s, err := g.js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().State.Msgs; got != want {
			t.Errorf("%s holds %d messages, want %d", stream, got, want)
		}
	}
}

func TestARevokedReaderIsOutWithinSeconds(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	made, err := g.users.Add(t.Context(), "crm", []string{openBranch})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	creds := nats.UserCredentialBytes([]byte(made.Creds))
	connect(t, g.url, creds, nats.CustomInboxPrefix(made.InboxPrefix), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))

	for range 2 {
		if _, err := g.users.Revoke(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
	}

	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Error("still connected after 5 s")
	}
	if _, err := nats.Connect(g.url, creds); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("may connect again: %v", err)
	}
	events, err := g.js.Stream(t.Context(), relay.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	if n := events.CachedInfo().State.Consumers; n != 0 {
		t.Errorf("%d consumers are left", n)
	}
	for state, want := range map[relay.TokenState]int{"": 1, relay.TokenRevoked: 1, relay.TokenActive: 0} {
		users, err := g.users.List(t.Context(), relay.NATSUserQuery{State: state})
		if err != nil || len(users) != want || want == 1 && (users[0].RevokedAt == nil || users[0].State != relay.TokenRevoked) {
			t.Errorf("listed %s: %v %v", state, users, err)
		}
	}
	g.publish(t, openSubject, "1")
	again := jetStream(t, g.reader(t, "crm", openBranch))
	consumer, err := again.CreateConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{FilterSubject: openBranch})
	if err != nil {
		t.Fatal(err)
	}
	if got := bodies(t, consumer, 1); got != "1" {
		t.Errorf("the name used again reads %s", got)
	}
}

func TestWrongNamesAndSubjectsAreRefused(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for _, name := range []string{"", "CRM", "../x", "a b", "a.b", "-x"} {
		if _, err := g.users.Add(t.Context(), name, []string{openBranch}); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, subject := range []string{"", ">", "events", "webhooks.>", "$JS.API.>", "events.>.x", "events..x", "events.a b", "*.x", "events.a*"} {
		if _, err := g.users.Add(t.Context(), "crm", []string{subject}); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: %v", subject, err)
		}
	}
	if _, err := g.users.Revoke(t.Context(), "nobody"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("revoke nobody: %v", err)
	}
	g.reader(t, "crm", openSubject, openBranch, openBranch)
	if _, err := g.users.Add(t.Context(), "crm", []string{openBranch}); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("the same name again: %v", err)
	}
}

// permitted tells whether the server lets a connection do something.
func permitted(t *testing.T, nc *nats.Conn, do func() error) bool {
	t.Helper()
	refused := make(chan struct{}, 8)
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			refused <- struct{}{}
		}
	})
	if err := do(); err != nil {
		return false
	}
	if err := nc.Flush(); err != nil {
		return false
	}
	select {
	case <-refused:
		return false
	case <-time.After(200 * time.Millisecond):
		return true
	}
}
