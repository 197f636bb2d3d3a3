package lmssim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/edrelay/edrelay/services/lmssim"
)

// A learner without an account is allowed in, and enrolled when the account becomes active.
func Example() {
	sim := lmssim.New(lmssim.Options{})
	_, _ = sim.AddUser(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true})
	_ = sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"})
	_ = sim.AddCourse(lmssim.Course{Key: "course-v1:edX+DemoX+Demo"})
	server := httptest.NewServer(sim)
	defer server.Close()

	enrol(server.URL, url.Values{
		"identifiers": {"new@example.com"}, "courses": {"course-v1:edX+DemoX+Demo"}, "action": {"enroll"}, "auto_enroll": {"True"},
	})
	fmt.Println(len(sim.State().Enrollments), "enrolled,", len(sim.State().Allowances), "allowed")
	_, _ = sim.AddUser(lmssim.User{Email: "new@example.com", Active: true})
	fmt.Println(len(sim.State().Enrollments), "enrolled")
	// Output:
	// 0 enrolled, 1 allowed
	// 1 enrolled
}

// enrol fetches a token and makes one bulk call.
func enrol(base string, form url.Values) {
	resp, err := http.PostForm(base+"/oauth2/access_token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"edrelay"}, "client_secret": {"s3cret"}, "token_type": {"jwt"},
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var token struct {
		Value string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		panic(err)
	}
	req, err := http.NewRequest("POST", base+"/api/bulk_enroll/v1/bulk_enroll", strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "JWT "+token.Value)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	_ = answer.Body.Close()
}
