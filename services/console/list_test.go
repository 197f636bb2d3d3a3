package console_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/internal/relay"
)

func manyWebhooks(n int) []relay.Webhook {
	rows := make([]relay.Webhook, n)
	for i := range rows {
		// Three of a time, so that the id has to tell them apart.
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration((n-i)/3) * time.Second)
		rows[i] = relay.Webhook{ID: fmt.Sprintf("w%05d", n-i), Source: "shopify", ReceivedAt: at, State: relay.WebhookDone, Sequence: uint64(n - i)}
	}
	return rows
}

func TestWalkingTheCursorsGivesEveryRowOnce(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.ledger.webhooks = manyWebhooks(157)
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(7, 200).Draw(rt, "limit")
		var seen []string
		for cursor := ""; ; {
			p := get[rowsOf[relay.Webhook]](r, fmt.Sprintf("/api/v1/webhooks?limit=%d&cursor=%s", limit, cursor))
			for _, w := range p.Items {
				seen = append(seen, w.ID)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
			if len(p.Items) != limit {
				rt.Fatalf("a page of %d rows with a next one, limit %d", len(p.Items), limit)
			}
		}
		for i, w := range r.ledger.webhooks {
			if i >= len(seen) || seen[i] != w.ID {
				rt.Fatalf("row %d of %d is not %s", i, len(seen), w.ID)
			}
		}
		if len(seen) != len(r.ledger.webhooks) {
			rt.Fatalf("%d rows, want %d", len(seen), len(r.ledger.webhooks))
		}
	})
}

func TestAListHasFiftyRowsUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.ledger.webhooks = manyWebhooks(2345)
	for query, want := range map[string]int{"": 50, "?limit=1": 1, "?limit=0": 2345, "?limit=1000": 1000, "?limit=1500": 1500, "?limit=9999": 2345} {
		p := get[rowsOf[relay.Webhook]](r, "/api/v1/webhooks"+query)
		if len(p.Items) != want || (p.Next == "") != (want == 2345) {
			t.Errorf("%q: %d rows, next %q; want %d", query, len(p.Items), p.Next, want)
		}
	}
}

func TestAnEmptyListIsAnEmptyArray(t *testing.T) {
	t.Parallel()
	_, raw := start(t).call(http.MethodGet, "/api/v1/webhooks", "", nil)
	if string(raw) != `{"items":[],"next":""}` {
		t.Errorf("got %s", raw)
	}
}

func TestAMisspeltFilterIsRefusedInsteadOfIgnored(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, query := range []string{
		"stat=parked", "state=broken", "state=parked&state=done", "limit=-1", "limit=many", "limit=1e3", "since=yesterday",
		"cursor=!!", "cursor=YWJj", "source=%00", "until=-5m", "cursor=enp6eg",
	} {
		status, header, raw := r.callHeader(http.MethodGet, "/api/v1/webhooks?"+query, "", nil)
		p := parse[struct{ Code, Detail string }](t, raw)
		if status != http.StatusBadRequest || p.Code != "invalid" || p.Detail == "" || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", query, status, raw)
		}
	}
}
