package lmssim_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/services/lmssim"
)

// standing is where a learner stands in the model: the contract's table and nothing else.
type standing struct {
	account                   string // "", "active", "inactive", "retired"
	enrolled, allowed, allowX bool
}

// before is what the platform must say of a standing.
func (s standing) flags() string {
	b := []byte("FFFF")
	if s.account == "active" || s.account == "inactive" {
		b[0] = 'T'
	}
	for i, on := range []bool{s.enrolled, s.allowed, s.allowed && s.allowX} {
		if on {
			b[i+1] = 'T'
		}
	}
	return string(b)
}

// after applies one call to a standing.
func (s standing) after(enroll, auto bool) standing {
	switch {
	case s.account == "retired":
	case !enroll:
		s.enrolled, s.allowed = false, false
	case s.account == "active":
		s.enrolled = true
	default:
		s.allowed, s.allowX = true, auto
	}
	return s
}

// TestBulkAgreesWithTheModelOverAnyHistory sends random bulk calls to a random campus and holds each answer, the
// final state and the number of mails to the model.
func TestBulkAgreesWithTheModelOverAnyHistory(t *testing.T) {
	t.Parallel()
	people := []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example"}
	rapid.Check(t, func(t *rapid.T) {
		sim, auth := modelSim(t)
		model := map[string]standing{}
		for _, email := range people {
			s := standing{account: rapid.SampledFrom([]string{"", "active", "inactive", "retired"}).Draw(t, email)}
			if s.account != "" {
				if _, err := sim.AddUser(lmssim.User{Email: email, Active: s.account != "inactive", Retired: s.account == "retired"}); err != nil {
					t.Fatal(err)
				}
			}
			model[email] = s
		}
		mails := 0
		for range rapid.IntRange(1, 12).Draw(t, "calls") {
			batch := rapid.SliceOfN(rapid.SampledFrom(people), 1, 6).Draw(t, "batch")
			enroll, auto, mail := rapid.Bool().Draw(t, "enroll"), rapid.Bool().Draw(t, "auto"), rapid.Bool().Draw(t, "mail")
			results := modelCall(t, sim, auth, batch, enroll, auto, mail)
			for i, email := range batch {
				was := model[email]
				now := was.after(enroll, auto)
				if want := was.flags() + ">" + now.flags(); flags(results[i]) != want {
					t.Fatalf("%s: %s, want %s", email, flags(results[i]), want)
				}
				if mail && was.account != "retired" && (enroll || was.enrolled || was.allowed) {
					mails++
				}
				model[email] = now
			}
		}
		compareModel(t, sim, model, mails)
	})
}

func modelSim(t *rapid.T) (*lmssim.Server, string) {
	sim := lmssim.New(lmssim.Options{Settings: lmssim.Settings{ThrottleOff: true}})
	if _, err := sim.AddUser(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true}); err != nil {
		t.Fatal(err)
	}
	if err := sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}); err != nil {
		t.Fatal(err)
	}
	if err := sim.AddCourse(lmssim.Course{Key: course}); err != nil {
		t.Fatal(err)
	}
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(record(sim, tokenPath, tokenForm("").Encode(), ""), &token); err != nil {
		t.Fatal(err)
	}
	return sim, "Bearer " + token.Token
}

// record posts a form without a network.
func record(sim *lmssim.Server, path, body, auth string) []byte {
	req := httptest.NewRequest("POST", path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", auth)
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, req)
	return w.Body.Bytes()
}

func modelCall(t *rapid.T, sim *lmssim.Server, auth string, batch []string, enroll, auto, mail bool) []map[string]any {
	form := url.Values{"identifiers": {strings.Join(batch, ",")}, "courses": {course}, "action": {"unenroll"}}
	if enroll {
		form.Set("action", "enroll")
	}
	if auto {
		form.Set("auto_enroll", "True")
	}
	if mail {
		form.Set("email_students", "True")
	}
	var answer struct {
		Courses map[string]struct{ Results []map[string]any }
	}
	body := record(sim, bulkPath, form.Encode(), auth)
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Courses[course].Results) != len(batch) {
		t.Fatalf("%v: %s", err, body)
	}
	return answer.Courses[course].Results
}

func compareModel(t *rapid.T, sim *lmssim.Server, model map[string]standing, mails int) {
	var enrolled, allowed []lmssim.Seat
	for email, s := range model {
		if s.enrolled {
			enrolled = append(enrolled, lmssim.Seat{Learner: email, Course: course})
		}
		if s.allowed {
			allowed = append(allowed, lmssim.Seat{Learner: email, Course: course})
		}
	}
	if r := sim.Check(lmssim.Expectation{Enrollments: &enrolled, Allowances: &allowed}); !r.OK {
		t.Fatal(r.Problems)
	}
	if got := len(sim.Mails()); got != mails {
		t.Fatalf("%d mails, want %d", got, mails)
	}
}

// FuzzBulkBody sends any body as any kind: the platform answers, never panics, and writes only for a 200.
func FuzzBulkBody(f *testing.F) {
	f.Add([]byte(bulkJSON("a@x.example")), true)
	f.Add([]byte("action=enroll&identifiers=a&courses="+url.QueryEscape(course)), false)
	f.Add([]byte(`{"courses":{"a":1},"identifiers":true,"cohorts":[1]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		sim := lmssim.New(lmssim.Options{})
		if _, err := sim.AddUser(lmssim.User{Username: "w", Email: "w@x.example", Active: true, Staff: true}); err != nil {
			t.Fatal(err)
		}
		if err := sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "w"}); err != nil {
			t.Fatal(err)
		}
		var token struct {
			Token string `json:"access_token"`
		}
		if err := json.Unmarshal(record(sim, tokenPath, tokenForm("").Encode(), ""), &token); err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("POST", bulkPath, bytes.NewReader(body))
		req.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[isJSON])
		req.Header.Set("Authorization", "Bearer "+token.Token)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, req)
		state := sim.State()
		if w.Code != 200 && len(state.Allowances)+len(state.Enrollments) > 0 {
			t.Errorf("%d, yet something was written", w.Code)
		}
	})
}
