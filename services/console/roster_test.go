package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/console"
)

func rosterGround(t *testing.T) *running {
	t.Helper()
	s := storetest.Open(t)
	return start(t, func(o *console.Options) { o.Ports.Tokens, o.Ports.Roster = s, s })
}

// take calls and reads the answer.
func take[T any](r *running, method, path string, body any, status int) T {
	r.t.Helper()
	var into T
	got, raw := r.call(method, "/api/v1"+path, adminToken, body)
	if got != status {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, got, raw, status)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &into); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return into
}

type rows[T any] struct{ Items []T }

func TestATokenIsShownOnceListedAndRevoked(t *testing.T) {
	t.Parallel()
	r := rosterGround(t)
	made := take[console.NewToken](r, http.MethodPost, "/tokens", console.TokenRequest{Name: "lms", Staff: true}, 201)
	if !strings.HasPrefix(made.Text, "edrt_") || made.ID == "" || made.State != relay.TokenActive || !made.Staff {
		t.Errorf("%+v", made)
	}
	if _, raw := r.call(http.MethodGet, "/api/v1/tokens", adminToken, nil); strings.Contains(string(raw), made.Text) {
		t.Error("the list shows the token")
	}
	take[struct{}](r, http.MethodDelete, "/tokens/"+made.ID, nil, 204)
	revoked := take[rows[relay.Token]](r, http.MethodGet, "/tokens?state=revoked", nil, 200)
	active := take[rows[relay.Token]](r, http.MethodGet, "/tokens?state=active", nil, 200)
	if len(revoked.Items) != 1 || revoked.Items[0].RevokedAt == nil || len(active.Items) != 0 {
		t.Errorf("revoked %+v, active %+v", revoked, active)
	}
	for _, wrong := range []console.TokenRequest{{}, {Name: "x", TTL: "soon"}, {Name: "x", TTL: "0s"}} {
		take[struct{}](r, http.MethodPost, "/tokens", wrong, 400)
	}
	take[struct{}](r, http.MethodDelete, "/tokens/none", nil, 404)
}

func TestAClientIsRotatedAndDisabled(t *testing.T) {
	t.Parallel()
	r := rosterGround(t)
	made := take[console.NewClient](r, http.MethodPost, "/clients", console.ClientRequest{Name: "lms", Staff: true}, 201)
	again := take[console.NewClient](r, http.MethodPost, "/clients/"+made.ID+"/rotate", console.RotateRequest{Grace: "1h"}, 200)
	if made.ID == "" || again.ID != made.ID || again.Secret == made.Secret || !strings.HasPrefix(again.Secret, "edrs_") {
		t.Errorf("%+v then %+v", made, again)
	}
	if gone := take[relay.Client](r, http.MethodPost, "/clients/"+made.ID+"/disable", nil, 200); gone.State != "disabled" {
		t.Errorf("%+v", gone)
	}
	take[struct{}](r, http.MethodPost, "/clients/none/rotate", console.RotateRequest{}, 404)
	take[struct{}](r, http.MethodPost, "/clients", console.ClientRequest{Name: "lms"}, 409)
}

func TestPeopleAndCoursesAreImported(t *testing.T) {
	t.Parallel()
	r := rosterGround(t)
	people := console.RosterPeople{People: []relay.Person{{Email: "a@example.com", Username: "a"}}}
	if got := take[console.RosterTaken](r, http.MethodPost, "/roster/people", people, 200); got.Taken != 1 {
		t.Errorf("%+v", got)
	}
	take[console.RosterTaken](r, http.MethodPost, "/roster/courses", console.RosterCourses{Courses: []relay.CourseRun{{CourseID: "c"}}}, 200)
	take[struct{}](r, http.MethodPost, "/roster/people", console.RosterPeople{}, 400)
	take[struct{}](r, http.MethodPost, "/roster/people", console.RosterPeople{People: []relay.Person{{Email: "nobody"}}}, 400)
	take[struct{}](r, http.MethodPost, "/roster/7/deactivate", nil, 404)
	if list := take[rows[relay.RosterEntry]](r, http.MethodGet, "/roster?state=active", nil, 200); list.Items == nil || len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	if list := take[rows[relay.RosterPending]](r, http.MethodGet, "/roster/pending", nil, 200); len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
}
