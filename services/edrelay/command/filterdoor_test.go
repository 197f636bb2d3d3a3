package command

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/openedx"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

// What the plugin posts goes through the door, over NATS, to the filter's URL, and back as the plugin can take it.
func TestThePluginIsAnsweredThroughTheDoor(t *testing.T) {
	t.Parallel()
	o := operate(t)
	site, err := sourcetest.Make(openedx.Kind(), "openedx", openedx.Settings{Username: "plugin", Password: "pass-77"}, source.Ports{Ask: o.bus})
	if err != nil {
		t.Fatal(err)
	}
	door := sourcetest.Open(t, nil, site)
	asked := make(chan string, 1)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- string(body)
		switch r.URL.Path {
		case "/halt":
			w.WriteHeader(http.StatusForbidden)
		default:
			_, _ = io.WriteString(w, `{"data":{"url":"https://v.example/","course_home_url":"https://h.example/"}}`)
		}
	}))
	t.Cleanup(gate.Close)
	o.must("filter", "add", "idv", "--filter", "IDVPageURLRequested", "--url", gate.URL)
	o.must("filter", "add", "home", "--filter", "CourseHomepageUrlCreationStarted", "--url", gate.URL, "--format", "plugin-form")
	o.must("filter", "add", "about", "--filter", "CourseAboutRenderStarted", "--url", gate.URL+"/halt", "--halt-on-4xx", "--redirect-on-4xx", "https://no.example/")

	form := url.Values{"url": {"/v"}, "event_metadata_event_type": {"IDVPageURLRequested"}, "event_metadata_time": {"2026-01-01 00:00:00"}}.Encode()
	about := `{"exception":{"RedirectToPage":{"message":"Request to ` + gate.URL + `/halt after webhook event CourseAboutRenderStarted returned status code 403 (Forbidden)","redirect_to":"https://no.example/"}}}`
	for _, c := range []struct{ contentType, body, heard, answer string }{
		{"application/json", `{"url": "/v", "event_metadata": {"event_type": "IdvPageUrlRequested", "time": "2026-01-01 00:00:00"}}`, `{"url": "/v", "event_metadata": {"event_type": "IdvPageUrlRequested", "time": "2026-01-01 00:00:00"}}`, `{"data":{"url":"https://v.example/"}}`},
		{"application/x-www-form-urlencoded", form, `{"url": "/v", "event_metadata": {"event_type": "IDVPageURLRequested", "time": "2026-01-01 00:00:00"}}`, `{"data":{"url":"https://v.example/"}}`},
		{"application/json", `{"course_id": "course-v1:a+b+c", "course_home_url": "/h", "event_metadata": {"event_type": "CourseHomeUrlCreationStarted", "time": "t"}}`, `course_id=course-v1%3Aa%2Bb%2Bc&course_home_url=%2Fh&event_metadata_event_type=CourseHomeUrlCreationStarted&event_metadata_time=t`, `{"data":{"course_home_url":"https://h.example/"}}`},
		{"application/json", `{"context": {}, "template_name": "t", "event_metadata": {"event_type": "CourseAboutRenderStarted", "time": "t"}}`, `{"context": {}, "template_name": "t", "event_metadata": {"event_type": "CourseAboutRenderStarted", "time": "t"}}`, about},
		{"application/json", `{"event_metadata": {"event_type": "StudentLoginRequested", "time": "t"}}`, "", `{}`},
	} {
		request, err := http.NewRequest(http.MethodPost, door.URL+"/webhooks/openedx/filters/", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", c.contentType)
		request.SetBasicAuth("plugin", "pass-77")
		if answer := sourcetest.Do(t, request); answer.Status != 200 || answer.Body != c.answer {
			t.Errorf("%s: %d %s, want %s", c.body, answer.Status, answer.Body, c.answer)
		}
		if c.heard == "" {
			continue
		}
		if heard := <-asked; heard != c.heard {
			t.Errorf("the URL heard %s, want %s", heard, c.heard)
		}
	}
}
