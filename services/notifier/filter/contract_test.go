package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
)

// What the plugin does with the answers of its webfilters, ours does too, in the shape that the plugin takes.
func TestOptionsMeanWhatThePluginMeansByThem(t *testing.T) {
	t.Parallel()
	const audit = `{"data": {"mode": "honor"}}`
	halt4 := relay.Filter{HaltOn4xx: true, RedirectOn4xx: "https://r4.example/", HaltOn5xx: true, RedirectOn5xx: "https://r5.example/"}
	cases := []struct {
		name     string
		question string
		status   int
		body     string
		filter   relay.Filter
		want     string // HOST stands for the filter's URL
	}{
		{"200 with data", enrollment, 200, audit, relay.Filter{}, audit},
		{"204 without a body", enrollment, 204, "", halt4, `{}`},
		{"302 with data", enrollment, 302, audit, halt4, audit},
		{"399 with data", enrollment, 399, audit, halt4, audit},
		{"400 with data, no flags", enrollment, 400, audit, relay.Filter{}, audit},
		{"500 with data, no flags", enrollment, 500, audit, relay.Filter{}, audit},
		{"400 with only the flag for 5xx", enrollment, 400, audit, relay.Filter{HaltOn5xx: true}, audit},
		{"400", enrollment, 400, audit, halt4, `{"exception":{"PreventEnrollment":{"message":"Request to HOST/f after webhook event CourseEnrollmentStarted returned status code 400 (Bad Request)","redirect_to":"https://r4.example/","status_code":400}}}`},
		{"599", enrollment, 599, audit, halt4, `{"exception":{"PreventEnrollment":{"message":"Request to HOST/f after webhook event CourseEnrollmentStarted returned status code 599 (status code 599)","redirect_to":"https://r5.example/","status_code":599}}}`},
		{"the status wins over the body", enrollment, 404, `{"exception":{"PreventEnrollment":"stop"}}`, relay.Filter{HaltOn4xx: true}, `{"exception":{"PreventEnrollment":{"message":"Request to HOST/f after webhook event CourseEnrollmentStarted returned status code 404 (Not Found)","redirect_to":"","status_code":404}}}`},
		{"disable_halt does not stop a status from halting", login, 403, "", relay.Filter{HaltOn4xx: true, DisableHalt: true}, `{"exception":{"PreventLogin":{"message":"Request to HOST/f after webhook event StudentLoginRequested returned status code 403 (Forbidden)","redirect_to":""}}}`},
		{"exception", enrollment, 200, `{"exception":{"PreventEnrollment":"stop"}}`, relay.Filter{}, `{"exception":{"PreventEnrollment":{"message":"stop"}}}`},
		{"disable_halt", enrollment, 200, `{"data":{"mode":"honor"},"exception":{"PreventEnrollment":"stop"}}`, relay.Filter{DisableHalt: true}, audit},
		{"disable_filtering", enrollment, 200, `{"data":{"mode":"honor"},"exception":{"PreventEnrollment":"stop"}}`, relay.Filter{DisableFiltering: true}, `{"exception":{"PreventEnrollment":{"message":"stop"}}}`},
		{"data and exception take effect together", enrollment, 200, `{"data":{"mode":"honor"},"exception":{"PreventEnrollment":"stop"}}`, relay.Filter{}, `{"data":{"mode":"honor"},"exception":{"PreventEnrollment":{"message":"stop"}}}`},
		{"identity is not for filters to set", enrollment, 200, `{"data":{"user":{"is_staff":true,"email":"x@y.z","first_name":"M"}}}`, relay.Filter{}, `{"data":{"user":{"first_name":"M"}}}`},
		{"unless allowed by name", enrollment, 200, `{"data":{"user":{"is_staff":true,"email":"x@y.z"}}}`, relay.Filter{Allow: []string{"email"}}, `{"data":{"user":{"email":"x@y.z"}}}`},
		{"text for an answer", enrollment, 200, `nonsense`, relay.Filter{HaltOnRequestException: true}, `{}`},
		{"a number for an answer", enrollment, 200, `5`, relay.Filter{}, `{}`},
		{"a crash for an answer", enrollment, 200, `{"data":{"course_key":"x","user":{"last_login":5,"nosuch":1}}}`, relay.Filter{}, `{}`},
	}
	h := newHouse(t)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u := answering(t, c.status, c.body)
			f := c.filter
			f.Name, f.URL, f.Filter = fmt.Sprintf("case-%d", i), u.URL+"/f", "CourseEnrollmentStarted"
			if c.question == login {
				f.Filter = "StudentLoginRequested"
			}
			h.declare(f)
			got := h.ask(c.question)
			if err := h.declarations.Remove(t.Context(), f.Name); err != nil {
				t.Fatal(err)
			}
			same(t, got, strings.ReplaceAll(c.want, "HOST", u.URL))
			if len(u.questions()) != 1 {
				t.Errorf("asked %d times", len(u.questions()))
			}
		})
	}
}

func TestSeveralFiltersMakeOneAnswer(t *testing.T) {
	t.Parallel()
	type reply struct {
		status int
		body   string
		filter relay.Filter
	}
	cases := []struct {
		name    string
		replies []reply
		want    string
		asked   []int // per filter, when they are asked one after another
	}{
		{"the last one wins, key by key", []reply{
			{200, `{"data":{"mode":"a","user":{"first_name":"x"}}}`, relay.Filter{}}, {200, `{"data":{"mode":"b"}}`, relay.Filter{}},
		}, `{"data":{"mode":"b","user":{"first_name":"x"}}}`, []int{1, 1}},
		{"a status that halts throws all before away", []reply{
			{200, `{"data":{"mode":"a"},"exception":{"PreventEnrollment":"one"}}`, relay.Filter{}}, {500, ``, relay.Filter{HaltOn5xx: true}}, {200, ``, relay.Filter{}},
		}, `{"exception":{"PreventEnrollment":{"message":"Request to HOST/f after webhook event CourseEnrollmentStarted returned status code 500 (Internal Server Error)","redirect_to":"","status_code":500}}}`, []int{1, 1, 0}},
		{"an exception in a body does not keep later ones from being asked", []reply{
			{200, `{"exception":{"PreventEnrollment":{"message":"one","status_code":403}}}`, relay.Filter{}}, {200, `{"exception":{"PreventEnrollment":"two"}}`, relay.Filter{}},
		}, `{"exception":{"PreventEnrollment":{"message":"two"}}}`, []int{1, 1}},
		{"disable_filtering of one", []reply{
			{200, `{"data":{"mode":"no"}}`, relay.Filter{DisableFiltering: true}}, {200, `{"data":{"mode":"yes"}}`, relay.Filter{}},
		}, `{"data":{"mode":"yes"}}`, []int{1, 1}},
		{"one that fails is let through", []reply{
			{-1, ``, relay.Filter{}}, {200, `{"data":{"mode":"yes"}}`, relay.Filter{}},
		}, `{"data":{"mode":"yes"}}`, []int{0, 1}},
	}
	h := newHouse(t)
	for _, parallel := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, parallel %v", c.name, parallel), func(t *testing.T) {
				h.clear()
				var urls []*url
				for i, r := range c.replies {
					u := answering(t, max(r.status, 200), r.body)
					if r.status < 0 {
						u.Close()
					}
					urls = append(urls, u)
					f := r.filter
					f.Name, f.URL, f.Parallel = fmt.Sprintf("f%d", i), u.URL+"/f", parallel
					f.Filter, f.Position, f.Timeout, f.Format, f.Enabled = "CourseEnrollmentStarted", i+1, 1e9, relay.FormatPluginJSON, true
					if _, err := h.declarations.Add(t.Context(), f); err != nil {
						t.Fatal(err)
					}
				}
				got := h.ask(enrollment)
				same(t, got, strings.ReplaceAll(c.want, "HOST", urls[min(1, len(urls)-1)].URL))
				for i, u := range urls {
					if !parallel && len(u.questions()) != c.asked[i] {
						t.Errorf("filter %d was asked %d times, want %d", i, len(u.questions()), c.asked[i])
					}
				}
			})
		}
	}
}

func TestFiltersAreAskedInTheirPositionsWithWhatThePluginSendsAndNoSecrets(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second, first := answering(t, 200, `{"data":{"mode":"two"}}`), answering(t, 200, `{"data":{"mode":"one"}}`)
	for _, f := range []relay.Filter{
		{Name: "a", URL: second.URL, Position: 2, Format: relay.FormatPluginForm}, {Name: "b", URL: first.URL, Position: 1, Format: relay.FormatPluginJSON},
	} {
		f.Filter, f.Timeout, f.Enabled = "CourseEnrollmentStarted", 1e9, true
		if _, err := h.declarations.Add(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	same(t, h.ask(enrollment), `{"data":{"mode":"two"}}`)
	want := `{"user": {"id": 7, "username": "mia", "email": "mia@example.org", "first_name": "", "is_staff": false, "is_superuser": false, "last_login": null}, "profile": {"id": 3, "user_id": 7, "name": "Mia"}, "course_key": "course-v1:Uni+Math+2026", "mode": "audit", "event_metadata": {"event_type": "CourseEnrollmentStarted", "time": "2026-03-01 09:00:00.000001"}}`
	if got := first.questions(); len(got) != 1 || got[0] != want {
		t.Errorf("%s", got)
	}
	if got := second.questions(); len(got) != 1 || !strings.HasPrefix(got[0], "user_id=7&user_username=mia&user_email=mia%40example.org&") || strings.Contains(got[0], "pbkdf2") {
		t.Errorf("%s", got)
	}
}
