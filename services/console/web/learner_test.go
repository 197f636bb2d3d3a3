package web_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/learner"
)

const forgotten = "learner1001@example.org"

// withLearners gives a console what finds and forgets learners.
func withLearners(o *console.Options) {
	ledger := o.Ports.Keys.(interface {
		learner.Ledger
		enroller.ForgetLedger
		desk.Erased
	})
	o.Ports.Learners = learner.New(learner.Options{
		Ledger: ledger, Log: o.Ports.Log.(learner.Log), Orders: enroller.Forgetter{Ledger: ledger}, Logger: slog.New(slog.DiscardHandler),
		Place: learner.Place{LMS: "https://lms.example.org"},
	})
	o.Ports.Erased = ledger
}

// traces leaves what a learner leaves, on the log and in the ledger.
func (g *ground) traces() {
	g.t.Helper()
	for i := range 3 {
		g.order(1001+i, relay.EnrollmentEnrolled, "")
	}
	receipt := g.publish(relay.Message{
		Subject: relay.WebhookSubject("shopify", "orders/create"), ID: "whole", Body: fmt.Appendf(nil, `{"id":1001,"email":%q,"other":"bob@example.org"}`, forgotten),
		Header: map[string]string{relay.HeaderSource: "shopify", relay.HeaderTopic: "orders/create"},
	})
	err := g.store.RecordWebhooks(g.t.Context(), []relay.Webhook{{ID: "whole", Source: "shopify", Topic: "orders/create", ReceivedAt: time.Now(),
		State: relay.WebhookDone, Order: "1001", OrderName: "#1001", Sequence: receipt.Sequence}})
	if err != nil {
		g.t.Fatal(err)
	}
	g.refuse("r1", `{"id": 77, "email": "`+strings.ToUpper(forgotten)+`"}`)
	kind := "org.openedx.learning.student.registration.completed.v1"
	g.publish(relay.Message{Subject: relay.EventSubject(kind), Type: kind, ID: "e1", Source: "/openedx/lms/web",
		Body: []byte(`{"user":{"id":77,"is_active":true,"pii":{"username":"grace","email":"` + forgotten + `","name":"Grace"}}}`)})
	g.publish(relay.Message{Subject: relay.EventSubject(kind), Type: kind, ID: "e2", Source: "/openedx/lms/web",
		Body: []byte(`{"user":{"id":77,"is_active":true,"pii":{"username":"grace","email":"grace@new.example","name":"Grace"}}}`)})
}

func TestAnAdminForgetsALearner(t *testing.T) {
	t.Parallel()
	g := newGround(t, withLearners)
	g.traces()
	b := g.browser(t)
	b.login(adminToken)
	b.open("/erasures")
	b.sees("Nobody was forgotten yet")
	find := func() {
		b.open("/search?q=" + url.QueryEscape(forgotten))
		b.sees("Everything held of this learner")
		b.do(chromedp.Click(`form[action="/learner"] button`))
		b.sees("Type the address to confirm")
		b.isLegible("the learner")
	}
	find()
	for _, text := range []string{"1 accepted, 1 rejected", "grace@new.example", "username", "Enrolments", "shopify"} {
		b.sees(text)
	}
	b.picture("learner", 1360, false)
	b.picture("learner-dark", 1360, true)
	b.picture("learner-narrow", 390, false)
	forget := func(typed string) {
		b.do(loaded(), chromedp.SendKeys(`input[name="confirm"]`, typed), chromedp.Click(`form[action="/learner/forget"] button`), chromedp.WaitVisible("#ask"),
			chromedp.Click(`#ask button[value="yes"]`))
	}
	forget("somebody@else.example")
	b.sees("so nothing was erased")
	find()
	forget(" Learner1001@Example.org")
	b.sees("Nothing is left of the learner")
	b.isLegible("the erasure")
	for _, text := range []string{"1 accepted, 1 rejected", "Open edX at https://lms.example.org", "forgotten-", "Backups of edrelay"} {
		b.sees(text)
	}
	b.picture("erasure", 1360, false)
	b.picture("erasure-dark", 1360, true)
	b.picture("erasure-narrow", 390, true)
	b.open("/webhooks/whole")
	b.sees("This was erased from the log on")
	b.open("/webhooks/rejected-1")
	b.sees("This was erased from the log on")
	b.open("/search?q=" + url.QueryEscape(forgotten))
	b.sees("Nothing is known of it")
	b.open("/trail")
	b.sees("learner forget")
	b.picture("trail-learner", 1360, false)
	var trail string
	b.do(chromedp.Text("main", &trail))
	if strings.Contains(strings.ToLower(trail), forgotten) || !strings.Contains(trail, "console /learner/forget") || !strings.Contains(trail, "enrollments 1") {
		t.Errorf("audit trail: %s", trail)
	}
	b.open("/erasures")
	b.sees("done")
	b.picture("erasures", 1360, false)
}

func TestOnlyAnAdminMayForgetALearnerAndOnlyFromTheForm(t *testing.T) {
	t.Parallel()
	g := newGround(t, withLearners)
	g.traces()
	form := url.Values{"address": {forgotten}, "confirm": {forgotten}}
	for role, want := range map[relay.Role]int{relay.RoleViewer: http.StatusForbidden, relay.RoleOperator: http.StatusForbidden} {
		_, key := g.key(role)
		client := g.browserless()
		g.post(client, "/login", "same-origin", url.Values{"token": {key}})
		if got := g.post(client, "/learner/forget", "same-origin", form); got.StatusCode != want {
			t.Errorf("%s: %d", role, got.StatusCode)
		}
	}
	client := g.browserless()
	g.post(client, "/login", "same-origin", url.Values{"token": {adminToken}})
	for _, site := range []string{"same-origin", "cross-site"} { // the form's token is missing, and the form is another site's
		if got := g.post(client, "/learner/forget", site, form); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s without the form's token: %d", site, got.StatusCode)
		}
	}
	if rows, err := g.store.Enrollments(t.Context(), relay.EnrollmentQuery{Learner: forgotten}); err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
}
