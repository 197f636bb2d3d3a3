package store_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func TestFiltersAreKeptWithTheirURLSealed(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	before, err := s.FiltersVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gate := relay.StoredFilter{SealedURL: []byte{1, 2, 3}, Filter: relay.Filter{
		Name: "gate", Filter: "StudentLoginRequested", URL: "https://never.example", Format: relay.FormatPluginForm, HaltOn4xx: true,
		RedirectOn4xx: "/closed", Timeout: relay.Duration(3 * time.Second), Position: 2, Parallel: true, Allow: []string{"email"},
		WhenUnavailable: relay.PolicyHalt, Enabled: true, Description: "who may log in",
	}}
	other := relay.StoredFilter{SealedURL: []byte{4}, Filter: relay.Filter{Name: "other", Filter: "CourseEnrollmentStarted"}}
	if _, err := s.ChangeFilters(t.Context(), []relay.StoredFilter{gate, other}, nil); err != nil {
		t.Fatal(err)
	}
	gate.URL = ""
	list, err := s.Filters(t.Context())
	if err != nil || !reflect.DeepEqual(list, []relay.StoredFilter{gate, other}) {
		t.Fatalf("%+v, error %v", list, err)
	}
	gate.Enabled, gate.Paused = false, true
	if _, err := s.ChangeFilters(t.Context(), []relay.StoredFilter{gate}, []string{"other", "nobody"}); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Filters(t.Context()); err != nil || !reflect.DeepEqual(list, []relay.StoredFilter{gate}) {
		t.Fatalf("%+v, error %v", list, err)
	}
	if after, err := s.FiltersVersion(t.Context()); err != nil || after != before+2 {
		t.Fatalf("version %d after %d, error %v", after, before, err)
	}
}

func TestFilterCallsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	call := func(id, name string, ago time.Duration) relay.FilterCall {
		return relay.FilterCall{
			ID: id, Question: "q", At: now.Add(-ago), Name: name, Filter: "StudentLoginRequested", Outcome: relay.FilterHalted, Status: 200,
			Exception: "PreventLogin", Changed: []string{"data.user.first_name"}, Dropped: []string{"data.user.email: x"}, DurationMS: 1.5,
		}
	}
	calls := []relay.FilterCall{call("a", "one", 3*time.Second), call("b", "two", 2*time.Second), call("c", "one", time.Second)}
	for range 2 {
		if err := s.RecordFilterCalls(t.Context(), calls); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.FilterCalls(t.Context(), relay.FilterCallQuery{Name: "one"})
	if err != nil || !reflect.DeepEqual(list, []relay.FilterCall{calls[2], calls[0]}) {
		t.Fatalf("%+v, error %v", list, err)
	}
	list, err = s.FilterCalls(t.Context(), relay.FilterCallQuery{
		Page: relay.Page{Limit: 1, Before: relay.Mark{Time: calls[2].At, ID: "c"}}, Outcome: relay.FilterHalted, Filter: "StudentLoginRequested",
	})
	if err != nil || len(list) != 1 || list[0].ID != "b" {
		t.Fatalf("%+v, error %v", list, err)
	}
	if list, err = s.FilterCalls(t.Context(), relay.FilterCallQuery{Outcome: relay.FilterFailed}); err != nil || len(list) != 0 {
		t.Fatalf("%+v, error %v", list, err)
	}
}
