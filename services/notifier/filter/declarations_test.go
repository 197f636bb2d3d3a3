package filter_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/notifier/filter"
)

func parseList(t *testing.T, declarations ...string) []relay.Filter {
	t.Helper()
	var raw []json.RawMessage
	for _, d := range declarations {
		raw = append(raw, json.RawMessage(d))
	}
	list, err := filter.ParseList(raw)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestApplyMakesItSoAndSaysWhatChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const one, two = `{"name":"one","filter":"IdvPageUrlRequested","url":"https://u:pw@one.example/f"}`, `{"name":"two","filter":"StudentLoginRequested","url":"https://two.example"}`
	apply := func(o filter.ApplyOptions, declarations ...string) []relay.Change {
		t.Helper()
		changes, err := h.declarations.Apply(t.Context(), parseList(t, declarations...), o)
		if err != nil {
			t.Fatal(err)
		}
		return changes
	}
	expect := func(got []relay.Change, want ...relay.Change) {
		t.Helper()
		for i := range got {
			got[i].Diff = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	added := []string{"filter", "url"}
	expect(apply(filter.ApplyOptions{DryRun: true}, one, two), relay.Change{Name: "one", Action: "added", Fields: added}, relay.Change{Name: "two", Action: "added", Fields: added})
	if all, err := h.declarations.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("a dry run made %+v, error %v", all, err)
	}
	apply(filter.ApplyOptions{}, one, two)
	expect(apply(filter.ApplyOptions{}, one, strings.Replace(two, `"url"`, `"timeout":"2s","url"`, 1)),
		relay.Change{Name: "one", Action: "unchanged"}, relay.Change{Name: "two", Action: "changed", Fields: []string{"timeout"}})
	all, err := h.declarations.List(t.Context())
	if err != nil || len(all) != 2 || all[0].URL != "https://u:***@one.example/f" || all[0].Filter != "IDVPageURLRequested" || all[1].Timeout.String() != "2s" {
		t.Fatalf("%+v, error %v", all, err)
	}
	// What is shown can be applied again: the masked password stays what it was.
	shown, _ := json.Marshal(all[0])
	expect(apply(filter.ApplyOptions{}, string(shown)), relay.Change{Name: "one", Action: "unchanged"})
	expect(apply(filter.ApplyOptions{Prune: true}, string(shown)), relay.Change{Name: "one", Action: "unchanged"}, relay.Change{Name: "two", Action: "removed"})
	if _, err := h.declarations.Get(t.Context(), "two"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Error(err)
	}
}

func TestAListWithOneMistakeChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const good = `{"name":"good","filter":"StudentLoginRequested","url":"https://a.example"}`
	for _, bad := range []string{
		good,
		`{"name":"","filter":"StudentLoginRequested","url":"https://a.example"}`,
		`{"name":"a b","filter":"StudentLoginRequested","url":"https://a.example"}`,
		`{"name":"x","filter":"NoSuchFilter","url":"https://a.example"}`,
		`{"name":"x","filter":"StudentLoginRequested","url":"ftp://s3cret.example"}`,
		`{"name":"x","filter":"StudentLoginRequested","url":"https://a.example","format":"cloudevents"}`,
		`{"name":"x","filter":"StudentLoginRequested","url":"https://a.example","timeout":"10s"}`,
		`{"name":"x","filter":"StudentLoginRequested","url":"https://a.example","timeout":"0s"}`,
		`{"name":"x","filter":"StudentLoginRequested","url":"https://a.example","redirect_on_4xx":"javascript:x"}`,
		`{"name":"x","filter":"StudentLoginRequested","url":"https://a.example","when_unavailable":"maybe"}`,
		`{"name":"x","filter":"IDVPageURLRequested","url":"https://a.example","when_unavailable":"halt"}`,
	} {
		_, err := h.declarations.Apply(t.Context(), parseList(t, good, bad), filter.ApplyOptions{})
		if relay.CodeOf(err) != relay.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if all, err := h.declarations.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, error %v", all, err)
	}
	for _, unreadable := range []string{`{"name":"x","halt_on_3xx":true}`, `{"name":5}`, `[]`, `{"name":"x","timeout":"soon"}`, `{"name":"x","url":["https://u:s3cret@x"]}`} {
		if _, err := filter.ParseList([]json.RawMessage{json.RawMessage(unreadable)}); relay.CodeOf(err) != relay.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", unreadable, err)
		}
	}
}

func TestFiltersAreAddedEditedAndRemovedByName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	f := filter.Default()
	f.Name, f.Filter, f.URL = "f", "StudentLoginRequested", "https://u:pw@a.example/x"
	made, err := h.declarations.Add(t.Context(), f)
	if err != nil || made.URL != "https://u:***@a.example/x" {
		t.Fatalf("%+v, error %v", made, err)
	}
	if _, err := h.declarations.Add(t.Context(), f); relay.CodeOf(err) != relay.CodeConflict {
		t.Error(err)
	}
	edited, err := h.declarations.Edit(t.Context(), "f", []byte(`{"halt_on_4xx":true,"url":"https://u:***@a.example/x"}`))
	if err != nil || !edited.HaltOn4xx || !edited.Enabled || edited.URL != made.URL {
		t.Errorf("%+v, error %v", edited, err)
	}
	for _, change := range []string{`{"name":"g"}`, `{"nosuch":1}`, `{"url":"x"}`} {
		if _, err := h.declarations.Edit(t.Context(), "f", []byte(change)); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%s: %v", change, err)
		}
	}
	if err := h.declarations.Remove(t.Context(), "f"); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		h.declarations.Remove(t.Context(), "f"),
		func() error { _, err := h.declarations.Edit(t.Context(), "f", []byte(`{}`)); return err }(),
		func() error { _, err := h.declarations.SetEnabled(t.Context(), "f", true); return err }(),
	} {
		if relay.CodeOf(err) != relay.CodeNotFound {
			t.Error(err)
		}
	}
}

func TestAnApplyTellsOldAndNewValues(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const declared = `{"name":"f","filter":"StudentLoginRequested","url":"https://u:s3cret@a.example/x"}`
	if _, err := h.declarations.Apply(t.Context(), parseList(t, declared), filter.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(`"f",`, `"f","timeout":"2s","halt_on_4xx":true,`, "s3cret", "oth3r").Replace(declared)
	changes, err := h.declarations.Apply(t.Context(), parseList(t, changed), filter.ApplyOptions{DryRun: true})
	want := []relay.Diff{{Key: "url", Old: "https://u:***@a.example/x", New: "https://u:***@a.example/x"},
		{Key: "halt_on_4xx", Old: "false", New: "true"}, {Key: "timeout", Old: "5s", New: "2s"}}
	if err != nil || len(changes) != 1 || !reflect.DeepEqual(changes[0].Diff, want) {
		t.Errorf("%+v, error %v", changes, err)
	}
}

func TestAPauseOutlivesAnApply(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	gate, other := answering(t, 200, `{"data":{"mode":"honor"}}`), answering(t, 200, `{}`)
	h.declare(relay.Filter{Name: "other", URL: other.URL})
	declared := `{"name":"f","filter":"CourseEnrollmentStarted","url":"` + gate.URL + `"}`
	apply := func(declaration string) {
		t.Helper()
		if _, err := h.declarations.Apply(t.Context(), parseList(t, declaration), filter.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	apply(declared)
	if _, err := h.declarations.SetEnabled(t.Context(), "f", false); err != nil {
		t.Fatal(err)
	}
	apply(declared)
	apply(strings.Replace(declared, `"f",`, `"f","timeout":"2s",`, 1))
	if f, err := h.declarations.Get(t.Context(), "f"); err != nil || f.State != relay.FilterPaused || !f.Enabled {
		t.Errorf("%+v, error %v", f, err)
	}
	same(t, h.ask(enrollment), `{}`)
	if f, err := h.declarations.SetEnabled(t.Context(), "f", true); err != nil || f.State != relay.FilterActive {
		t.Errorf("%+v, error %v", f, err)
	}
	same(t, h.ask(enrollment), `{"data":{"mode":"honor"}}`)
}

// Questions are shared among the processes, so each of many is as good as sure to meet the one that is behind.
func TestAChangeIsInForceInEveryProcessWhenItReturns(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.another()
	for _, mode := range []string{"honor", "audit", "verified"} {
		gate := answering(t, 200, `{"data":{"mode":"`+mode+`"}}`)
		declared := `{"name":"f","filter":"CourseEnrollmentStarted","url":"` + gate.URL + `"}`
		if _, err := h.declarations.Apply(t.Context(), parseList(t, declared), filter.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		for range 16 {
			same(t, h.ask(enrollment), `{"data":{"mode":"`+mode+`"}}`)
		}
	}
}
