package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func TestTextsThatNameALearnerAreRewrittenAndOthersStay(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	now := time.Now()
	for sequence, reason := range []string{"", "no account for ann@x.org", "no account for joann@x.org", `answer {"e":"ann\u0040x.org"}`, "nothing"} {
		if sequence == 0 {
			continue
		}
		err := s.RecordWebhooks(t.Context(), []relay.Webhook{{ID: reason, Source: "shop", ReceivedAt: now, State: relay.WebhookParked, Reason: reason,
			Sequence: uint64(sequence), Notes: []string{reason, "kept"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordAudit(t.Context(), relay.AuditEntry{At: now, Who: "ada", Action: "x", Target: "ann@x.org", Detail: map[string]string{"a": "ann@x.org", "b": "2"}}); err != nil {
		t.Fatal(err)
	}
	holds := func(text string) bool {
		plain := strings.ReplaceAll(strings.ReplaceAll(text, "joann@x.org", ""), `\\`, `\`)
		return strings.Contains(strings.ReplaceAll(plain, `\u0040`, "@"), "ann@x.org")
	}
	scrub := func(text string) string {
		if strings.Contains(text, `\u0040`) {
			return ""
		}
		return strings.ReplaceAll(text, "ann@x.org", "X")
	}
	if n, err := s.SearchTexts(t.Context(), "ann", holds); err != nil || n != 6 {
		t.Errorf("%d texts, %v", n, err)
	}
	if n, err := s.ForgetTexts(t.Context(), "ann", holds, scrub); err != nil || n != 6 {
		t.Errorf("%d rewritten, %v", n, err)
	}
	if n, err := s.SearchTexts(t.Context(), "ann", holds); err != nil || n != 0 {
		t.Errorf("%d left, %v", n, err)
	}
	w, err := s.Webhook(t.Context(), "no account for ann@x.org")
	if err != nil || w.Reason != "no account for X" || len(w.Notes) != 2 || w.Notes[1] != "kept" {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err := s.Webhook(t.Context(), "no account for joann@x.org"); err != nil || w.Reason != "no account for joann@x.org" {
		t.Errorf("%+v, %v", w, err)
	}
	trail, err := s.AuditTrail(t.Context(), relay.AuditQuery{Page: relay.Page{Limit: 1}})
	if err != nil || trail[0].Target != "X" || trail[0].Detail["a"] != "X" || trail[0].Detail["b"] != "2" {
		t.Errorf("%+v, %v", trail, err)
	}
	if err := s.Vacuum(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := s.Rewrite(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARewriteLeavesATableThatIsBusy(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	holding, release := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	free := sync.OnceFunc(func() { close(release); <-done })
	t.Cleanup(free)
	go func() {
		defer close(done)
		_ = s.ChangeOrders(context.Background(), []relay.OrderKey{{Source: "shop", Order: "1"}}, func(map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
			close(holding)
			<-release
			return nil, nil
		})
	}()
	<-holding
	left, err := s.Rewrite(t.Context())
	if err != nil || strings.Join(left, " ") != "enrollments orders" {
		t.Errorf("%v, %v", left, err)
	}
	free()
	if left, err := s.Rewrite(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}
