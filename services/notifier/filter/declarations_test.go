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
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	expect(apply(filter.ApplyOptions{DryRun: true}, one, two), relay.Change{Name: "one", Action: "added"}, relay.Change{Name: "two", Action: "added"})
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
