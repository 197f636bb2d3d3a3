package filter_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
	"github.com/edrelay/edrelay/services/notifier/filter"
)

func TestCallsAreOnRecordWithoutPersonalData(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	h := newHouse(t, func(o *filter.Options) { o.Metrics = registry })
	u := answering(t, 200, `{"data":{"mode":"honor","user":{"first_name":"Secretname","email":"leak@example.org"},"leak@example.org":1}}`)
	h.declare(relay.Filter{Name: "gate", URL: u.URL}, relay.Filter{Name: "stop", URL: answering(t, 403, "").URL, HaltOn4xx: true})
	h.ask(enrollment)
	h.stop()
	calls, err := h.ledger.FilterCalls(context.Background(), relay.FilterCallQuery{})
	if err != nil || len(calls) != 2 {
		t.Fatalf("%+v, error %v", calls, err)
	}
	stop, gate := calls[0], calls[1]
	if gate.Name != "gate" || gate.Outcome != relay.FilterChanged || gate.Status != 200 || gate.Filter != "CourseEnrollmentStarted" || gate.DurationMS <= 0 ||
		strings.Join(gate.Changed, " ") != "data.mode data.user.first_name" || len(gate.Dropped) != 2 {
		t.Errorf("%+v", gate)
	}
	if stop.Outcome != relay.FilterHalted || stop.Exception != "PreventEnrollment" || stop.Question != gate.Question || stop.Status != 403 {
		t.Errorf("%+v", stop)
	}
	text, _ := json.Marshal(calls)
	for _, personal := range []string{"Secretname", "leak@", "mia", "Mia", u.URL} {
		if strings.Contains(string(text), personal) {
			t.Errorf("%q is on record: %s", personal, text)
		}
	}
	want := "# HELP edrelay_notifier_filter_calls_total Filters asked, by name and outcome.\n# TYPE edrelay_notifier_filter_calls_total counter\n" +
		"edrelay_notifier_filter_calls_total{filter=\"gate\",outcome=\"changed\"} 1\nedrelay_notifier_filter_calls_total{filter=\"stop\",outcome=\"halted\"} 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "edrelay_notifier_filter_calls_total"); err != nil {
		t.Error(err)
	}
}

func TestChangesAreInForceWhenTheCommandReturns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	u := answering(t, 200, `{"data":{"mode":"x"}}`)
	request, err := webfilter.Parse(h.catalogue, "application/json", []byte(enrollment))
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (string, error) {
		answer, err := webfilter.Ask(t.Context(), h.bus, request, time.Now())
		return string(answer), err
	}
	if got, err := ask(); got != "{}" || relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("nobody answers: %s, error %v", got, err)
	}
	h.declare(relay.Filter{Name: "f", URL: u.URL})
	for _, enabled := range []bool{true, false, true} {
		if _, err := h.declarations.SetEnabled(t.Context(), "f", enabled); err != nil {
			t.Fatal(err)
		}
		if got, _ := ask(); (got != "{}") != enabled {
			t.Errorf("enabled %v: %s", enabled, got)
		}
	}
	if err := h.declarations.Remove(t.Context(), "f"); err != nil {
		t.Fatal(err)
	}
	if got, _ := ask(); got != "{}" {
		t.Errorf("removed: %s", got)
	}
}

func TestChangesMadeElsewhereComeIntoForce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *filter.Options) { o.Poll = 10 * time.Millisecond })
	h.declarations.Changed = nil // another process
	h.declare(relay.Filter{Name: "f", URL: answering(t, 200, `{"data":{"mode":"x"}}`).URL})
	request, err := webfilter.Parse(h.catalogue, "application/json", []byte(enrollment))
	if err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := webfilter.Ask(t.Context(), h.bus, request, time.Now())
		if string(answer) == `{"data":{"mode":"x"}}` {
			return
		}
		if relay.CodeOf(err) != relay.CodeUnavailable {
			t.Fatalf("%s, error %v", answer, err)
		}
	}
}

func TestAServiceMayAnswerOnTheSubjectItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	heard := make(chan relay.Message, 1)
	stop, err := h.bus.Serve("filters.CourseEnrollmentStarted", "theirs", func(_ context.Context, m relay.Message) relay.Message {
		heard <- m
		return relay.Message{ContentType: "application/json", Body: []byte(`{"data":{"mode":"direct","user":{"is_staff":true}},"exception":{"PreventEnrollment":{"message":"m"}}}`)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	same(t, h.ask(enrollment), `{"data":{"mode":"direct"},"exception":{"PreventEnrollment":{"message":"m"}}}`)
	m := <-heard
	if m.Type != "org.openedx.learning.course.enrollment.started.v1" || strings.Contains(string(m.Body), "pbkdf2") || strings.Contains(string(m.Body), "event_metadata") {
		t.Errorf("%s %s", m.Type, m.Body)
	}
}

func TestQuestionsUnderWayAreAnsweredWhenTheServiceStops(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	asked, release := make(chan struct{}), make(chan struct{})
	u := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		_, _ = w.Write([]byte(`{"data":{"mode":"late"}}`))
	})
	h.declare(relay.Filter{Name: "f", URL: u.URL})
	answer := make(chan string, 1)
	go func() { answer <- h.ask(enrollment) }()
	<-asked
	stopped := make(chan struct{})
	go func() { h.stop(); close(stopped) }()
	close(release)
	same(t, <-answer, `{"data":{"mode":"late"}}`)
	<-stopped
	if calls, err := h.ledger.FilterCalls(context.Background(), relay.FilterCallQuery{}); err != nil || len(calls) != 1 {
		t.Errorf("%+v, error %v", calls, err)
	}
}

func TestEveryClassHasASampleThatFiltersUnderstand(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	u := answering(t, 418, "short and stout")
	var all []relay.Filter
	for _, class := range h.catalogue.Filters() {
		f := filter.Default()
		f.Name, f.Filter, f.URL, f.HaltOn4xx, f.RedirectOn4xx, f.Enabled = class.Class, class.Class, u.URL+"/?token=s3cret", true, "https://x.example/", false
		all = append(all, f)
	}
	if _, err := h.declarations.Apply(t.Context(), all, filter.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, class := range h.catalogue.Filters() {
		test, err := h.service.Test(t.Context(), class.Class, "")
		if err != nil {
			t.Fatalf("%s: %v", class.Class, err)
		}
		if test.Status != 418 || test.Answer != "short and stout" || strings.Contains(test.URL, "s3cret") || !strings.Contains(test.Request, "event_metadata") {
			t.Errorf("%+v", test)
		}
		if halts := test.Call.Outcome == relay.FilterHalted; halts != webfilter.CanHalt(class) || halts == (test.Result == "{}") {
			t.Errorf("%s: %s", class.Class, test.Result)
		}
	}
	if len(all) != 27 || len(u.questions()) != 27 {
		t.Errorf("%d classes, %d questions", len(all), len(u.questions()))
	}
	if test, err := h.service.Test(t.Context(), "StudentLoginRequested", "DashboardRenderStarted"); err != nil || !strings.Contains(test.Result, "RedirectToPage") {
		t.Errorf("%+v, error %v", test, err)
	}
	for _, names := range [][2]string{{"nobody", ""}, {"StudentLoginRequested", "NoSuchFilter"}} {
		if _, err := h.service.Test(t.Context(), names[0], names[1]); relay.CodeOf(err) != relay.CodeNotFound {
			t.Errorf("%v: %v", names, err)
		}
	}
}
