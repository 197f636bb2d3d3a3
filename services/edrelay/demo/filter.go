package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const filtersPath = "/webhooks/openedx/filters"

// gate is somebody's filter URL: it stops the enrolment of one learner.
func gate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	w.Header().Set("Content-Type", "application/json")
	if err == nil && strings.Contains(string(body), "mallory") {
		_, _ = io.WriteString(w, `{"exception": {"PreventEnrollment": {"message": "Mallory owes us a book."}}}`)
		return
	}
	_, _ = io.WriteString(w, `{}`)
}

// serve runs a small server of the demo's world until its end, and gives its address.
func (st *stage) serve(handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	st.enders = append(st.enders, func() error { err := server.Close(); <-ended; return err })
	return "http://" + listener.Addr().String(), nil
}

func filterStep(ctx context.Context, st *stage, s *screen) error {
	url, err := st.serve(http.HandlerFunc(gate))
	if err != nil {
		return err
	}
	declared := map[string]any{"name": "gate", "filter": "CourseEnrollmentStarted", "url": url + "/gate"}
	if err := st.admin.Post(ctx, "/filters", declared, nil); err != nil {
		return err
	}
	s.good("edrelay filter add gate --filter CourseEnrollmentStarted --url %s/gate", url)
	for _, learner := range []struct {
		name    string
		stopped bool
	}{{"ada", false}, {"mallory", true}} {
		body := fmt.Appendf(nil, `{"user": {"id": 4, "username": %q}, "course_key": %q, "mode": "audit", `+
			`"event_metadata": {"event_type": "CourseEnrollmentStarted", "time": "2026-01-15 10:00:00.000000"}}`, learner.name, goCourse)
		a, err := st.post(ctx, filtersPath, body, pluginProof())
		if err != nil {
			return err
		}
		s.sent("Open edX asks before it enrols "+learner.name, st.doorURL+filtersPath, a)
		if err := a.expect(200); err != nil {
			return err
		}
		var verdict struct {
			Exception map[string]struct {
				Message string `json:"message"`
			} `json:"exception"`
		}
		if err := json.Unmarshal([]byte(a.body), &verdict); err != nil {
			return fmt.Errorf("the answer is no JSON: %s", a.body)
		}
		if stop, stopped := verdict.Exception["PreventEnrollment"]; stopped != learner.stopped {
			return fmt.Errorf("the answer is %s", a.body)
		} else if stopped {
			s.good("stopped: %s", stop.Message)
			continue
		}
		s.good("nothing stands against it")
	}
	return nil
}
