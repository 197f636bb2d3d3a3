package demo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/edrelay/edrelay/internal/relay"
)

const enrollmentPath = "/api/openedx_webhook/enrollment/"

// rosterStep posts what Open edX's events-handler plugin posts when somebody became course staff; the answer comes from
// edrelay's own roster.
func rosterStep(ctx context.Context, st *stage, s *screen) error {
	var made struct {
		Token string `json:"token"`
	}
	for _, each := range []struct {
		path string
		body any
		into any
	}{
		{"/roster/people", map[string]any{"people": []relay.Person{{Email: ada, Username: "ada", Name: "Ada"}}}, nil},
		{"/roster/courses", map[string]any{"courses": []relay.CourseRun{{CourseID: goCourse, Title: "Go for gophers"}}}, nil},
		{"/tokens", map[string]any{"name": "demo", "staff": true, "ttl": "1h"}, &made},
	} {
		if err := st.admin.Post(ctx, each.path, each.body, each.into); err != nil {
			return err
		}
	}
	s.good("edrelay roster import brought Ada and a course; edrelay token create --name demo --staff made a bearer token")
	body := fmt.Appendf(nil, `{"email": %q, "course_id": %q, "role": "staff"}`, ada, goCourse)
	for _, want := range []int{201, 200} {
		a, err := st.post(ctx, enrollmentPath, body, map[string]string{"Authorization": "Bearer " + made.Token})
		if err != nil {
			return err
		}
		s.sent("Ada became staff of "+goCourse, st.doorURL+enrollmentPath, a)
		if err := a.expect(want); err != nil {
			return err
		}
		var outcome struct {
			Active bool `json:"active"`
		}
		if err := json.Unmarshal([]byte(a.body), &outcome); err != nil || !outcome.Active {
			return fmt.Errorf("the answer is %s", a.body)
		}
	}
	s.good("created, and found again when it was said twice")
	return nil
}

// auditStep compares the log with the ledger and with Open edX.
func auditStep(ctx context.Context, st *stage, s *screen) error {
	var found relay.Reconciliation
	if err := st.admin.Post(ctx, "/audit", map[string]any{}, &found); err != nil {
		return err
	}
	if !found.OK() {
		return fmt.Errorf("%d differences, the first: %s %s", len(found.Differences), found.Differences[0].Kind, found.Differences[0].Subject)
	}
	s.good("edrelay audit: %d webhooks on the log, %d orders, %d enrolments, and nothing unaccounted for",
		found.Webhooks, found.Orders, found.Enrollments)
	return nil
}
