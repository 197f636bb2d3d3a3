package console_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
)

// oblivion stands for what finds and forgets learners.
type oblivion struct{ asked []relay.ForgetLearner }

func (o *oblivion) erasure() relay.Erasure {
	return relay.Erasure{
		ID: "e1", State: relay.ErasureDone, By: "admin", Samples: []relay.HeldMessage{}, Blocked: []relay.BlockedErasure{{What: "w", Why: "y", Do: "d"}},
		Beyond: []relay.BeyondReach{{Where: "there", Do: "that"}}, Remarks: []string{},
	}
}

func (o *oblivion) Show(_ context.Context, ask relay.ShowLearner, tell func(string, int64, int64)) (relay.Held, error) {
	if !strings.Contains(ask.Address, "@") {
		return relay.Held{}, relay.Errorf(relay.CodeInvalid, "this is no e-mail address")
	}
	tell("reading", 5, 10)
	return relay.Held{
		Learner: ask.Address, Usernames: []string{}, UserIDs: []string{}, OtherAddresses: []string{},
		Webhooks: []relay.HeldMessage{{Stream: relay.StreamWebhooks, Sequence: 1, ID: "w", By: relay.NamedByAddress}}, Rejected: []relay.HeldMessage{},
		Events: []relay.HeldMessage{}, Copies: []relay.HeldCopy{}, Orders: []relay.HeldOrder{}, Enrollments: []relay.Enrollment{},
		Deliveries: []relay.HeldDeliveries{}, Person: &relay.Person{Email: ask.Address}, Roster: []relay.RosterEntry{}, Pending: []relay.RosterPending{}, Replays: []string{},
	}, nil
}

func (o *oblivion) Forget(_ context.Context, ask relay.ForgetLearner, by relay.Operator, watch func(relay.Erasure)) (relay.Erasure, error) {
	o.asked = append(o.asked, ask)
	watch(relay.Erasure{ID: "e1", Step: "erasing"})
	return o.erasure(), nil
}

func (o *oblivion) Erasure(_ context.Context, id string) (relay.Erasure, error) {
	if id != "e1" {
		return relay.Erasure{}, relay.ErrNotFound
	}
	return o.erasure(), nil
}

func (o *oblivion) Erasures(context.Context, relay.Page) ([]relay.Erasure, error) {
	return []relay.Erasure{o.erasure()}, nil
}

func withLearners(o *console.Options) { o.Ports.Learners = &oblivion{} }

func TestALearnersAddressIsAskedForInTheBodyAndKeptOutOfTheTrail(t *testing.T) {
	t.Parallel()
	r := start(t, withLearners)
	c := readContract(r)
	const address = "ada@learners.example"
	for path, body := range map[string]any{
		"/api/v1/learners/show": relay.ShowLearner{Address: address}, "/api/v1/learners/forget": relay.ForgetLearner{Address: address, DryRun: true},
	} {
		status, raw := r.call(http.MethodPost, path, "", body)
		if status != 200 {
			t.Fatalf("%s: %d %s", path, status, raw)
		}
		c.check(t, "post", path, "200", "application/json", raw)
		status, raw = r.call(http.MethodPost, path, "", map[string]any{"adress": address})
		if status != 400 || strings.Contains(string(raw), address) {
			t.Errorf("%s with a slip of the hand: %d %s", path, status, raw)
		}
		c.check(t, "post", path, "default", "application/problem+json", raw)
	}
	if len(r.ledger.trail) != 4 {
		t.Errorf("%d entries in the audit trail", len(r.ledger.trail))
	}
	for _, entry := range r.ledger.trail {
		if strings.Contains(entry.Target+entry.Action, "ada") {
			t.Errorf("the trail has the address: %+v", entry)
		}
	}
}

func TestOnlyAnAdminMayForgetOverTheAPI(t *testing.T) {
	t.Parallel()
	office := &oblivion{}
	r := start(t, func(o *console.Options) { o.Ports.Learners = office })
	for role, want := range map[relay.Role][2]int{relay.RoleViewer: {403, 403}, relay.RoleOperator: {200, 403}, relay.RoleAdmin: {200, 200}} {
		status, raw := r.call(http.MethodPost, "/api/v1/keys", "", console.KeyRequest{Name: string(role), Role: role})
		if status != 201 {
			t.Fatal(status)
		}
		key := parse[struct{ Key string }](t, raw).Key
		for i, path := range []string{"/api/v1/learners/show", "/api/v1/learners/forget"} {
			if status, _ := r.call(http.MethodPost, path, key, map[string]string{"address": "ada@learners.example"}); status != want[i] {
				t.Errorf("%s as %s: %d, want %d", path, role, status, want[i])
			}
		}
	}
	if len(office.asked) != 1 {
		t.Errorf("forgotten %d times", len(office.asked))
	}
}

func TestALongWorkIsFollowedLineByLine(t *testing.T) {
	t.Parallel()
	r := start(t, withLearners)
	ask := func(body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/api/v1/learners/show", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminToken)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/x-ndjson")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var out bytes.Buffer
		if _, err := out.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, out.String()
	}
	status, text := ask(`{"address":"ada@learners.example"}`)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if status != 200 || len(lines) != 2 || lines[0] != `{"step":"reading","scanned":5,"total":10}` || !strings.HasPrefix(lines[1], `{"result":{"learner":"ada@`) {
		t.Errorf("%d %s", status, text)
	}
	if status, text := ask(`{"address":"nobody"}`); status != 400 || !strings.Contains(text, "no e-mail address") {
		t.Errorf("%d %s", status, text)
	}
}
