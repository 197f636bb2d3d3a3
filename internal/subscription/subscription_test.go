package subscription_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
	"github.com/edrelay/edrelay/internal/subscription"
)

func parse(t *testing.T, text string) []subscription.Declaration {
	t.Helper()
	declared, err := subscription.Parse([]byte(text))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return declared
}

func TestDeclarationGetsDefaults(t *testing.T) {
	t.Parallel()
	declared := parse(t, "subscriptions:\n- {name: crm, url: 'https://crm.example/hook', events: ['a.*'], timeout: 1m30s, retry: [1s, 2h]}\nfilters: [{name: x}]\n")
	got, err := subscription.Resolve(subscription.Defaults(), declared[0])
	if err != nil {
		t.Fatal(err)
	}
	if got.Timeout.String() != "1m30s" || got.MaxInFlight != 16 || got.Format != relay.FormatPluginJSON || !got.Enabled ||
		len(got.Retry) != 2 || got.Retry[1].String() != "2h" || got.Rate != 0 || got.Ordered {
		t.Errorf("%+v", got)
	}
}

func TestWrongDeclarationsAreRefusedByKey(t *testing.T) {
	t.Parallel()
	for text, word := range map[string]string{
		"{name: a, url: 'https://a.example', events: [], colour: red}":                                       "colour",
		"{name: a, url: 'ftp://a.example', events: []}":                                                      "url",
		"{name: a, url: 'https://a.example'}":                                                                "events",
		"{name: a, url: 'https://a.example', events: ['a.*.b']}":                                             "events",
		"{name: a, url: 'https://a.example', events: ['a b']}":                                               "events",
		"{name: a, url: 'https://a.example', events: [], format: xml}":                                       "format",
		"{name: a, url: 'https://a.example', events: [], timeout: 0s}":                                       "timeout",
		"{name: a, url: 'https://a.example', events: [], max_in_flight: 0}":                                  "max_in_flight",
		"{name: a, url: 'https://a.example', events: [], rate: -1}":                                          "rate",
		"{name: a, url: 'https://a.example', events: [], rate: .nan}":                                        "rate",
		"{name: a, url: 'https://a.example', events: [], retry: [0s]}":                                       "retry",
		"{name: a, url: 'https://a.example', events: [], secrets: [hunter2hunter2]}":                         "secrets",
		"{name: a, url: 'https://a.example', events: [], headers: {Host: x}}":                                "headers",
		"{name: a, url: 'https://a.example', events: [], headers: {X-A: \"a\\r\\nb\"}}":                      "headers",
		"{name: 'a/b', url: 'https://a.example', events: []}":                                                "name",
		"{url: 'https://a.example', events: []}":                                                             "name",
		"{name: a, url: 'https://a.example', events: []}\n- {name: a, url: 'https://b.example', events: []}": "twice",
	} {
		_, err := apply("subscriptions:\n- " + text)
		if relay.CodeOf(err) != relay.CodeInvalid || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want it to name %s", text, err, word)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}

func apply(text string, standing ...relay.Subscriber) ([]subscription.Step, error) {
	declared, err := subscription.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	return subscription.Plan(standing, declared, false)
}

func TestApplyingAgainChangesNothingEvenAfterRotationAndPause(t *testing.T) {
	t.Parallel()
	secret := signing.NewSecret()
	text := "subscriptions:\n- {name: a, url: 'https://a.example', events: ['*'], secrets: ['" + secret + "']}"
	steps, err := apply(text)
	if err != nil || len(steps) != 1 || steps[0].Action != subscription.Create {
		t.Fatalf("%+v, %v", steps, err)
	}
	standing := *steps[0].Next
	standing.ID, standing.Paused, standing.Secrets = 7, true, []string{signing.NewSecret()} // rotated since
	steps, err = apply(text, standing)
	if err != nil || steps[0].Action != subscription.Unchanged || steps[0].Next.Secrets[0] != standing.Secrets[0] || !steps[0].Next.Paused {
		t.Fatalf("again: %+v, %v", steps, err)
	}
	other := signing.NewSecret()
	steps, err = apply(strings.ReplaceAll(text, secret, other), standing)
	if err != nil || steps[0].Action != subscription.Update || steps[0].Next.Secrets[0] != other {
		t.Fatalf("with another secret: %+v, %v", steps, err)
	}
	for _, f := range steps[0].Diff {
		if strings.Contains(f.New+f.Old, other[8:30]) {
			t.Errorf("the plan shows a secret: %+v", f)
		}
	}
}

func TestPruneRemovesOnlyWhatIsNotDeclared(t *testing.T) {
	t.Parallel()
	declared := parse(t, "subscriptions: [{name: b, url: 'https://b.example', events: []}]")
	standing := []relay.Subscriber{{ID: 1, Subscription: relay.Subscription{Name: "a"}}, {ID: 2, Subscription: relay.Subscription{Name: "b"}}}
	for _, prune := range []bool{false, true} {
		steps, err := subscription.Plan(standing, declared, prune)
		if err != nil {
			t.Fatal(err)
		}
		removed := false
		for _, step := range steps {
			removed = removed || step.Action == subscription.Remove && step.Name == "a"
			if step.Name == "b" && step.Action != subscription.Update {
				t.Errorf("b: %s", step.Action)
			}
		}
		if removed != prune {
			t.Errorf("prune %v: removed %v", prune, removed)
		}
	}
}

func TestSubjectsCoverWhatPatternsMatch(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-c]{1,3}(\.[a-c]{1,3}){0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		eventType, pattern := word.Draw(t, "type"), word.Draw(t, "pattern")
		if rapid.Bool().Draw(t, "prefix of the type") {
			pattern = eventType[:rapid.IntRange(0, len(eventType)).Draw(t, "cut")] + "*"
		}
		if !subscription.ValidPattern(pattern) {
			t.Fatalf("%q is not valid", pattern)
		}
		if subscription.Matches([]string{pattern}, eventType) && !covers(subscription.Subjects([]string{pattern})[0], "events."+eventType) {
			t.Fatalf("%q matches %q but %v does not", pattern, eventType, subscription.Subjects([]string{pattern}))
		}
	})
}

func covers(subject, topic string) bool {
	if prefix, open := strings.CutSuffix(subject, ">"); open {
		return strings.HasPrefix(topic, prefix) && len(topic) > len(prefix)
	}
	return subject == topic
}

func TestRowsShowNoSecret(t *testing.T) {
	t.Parallel()
	secret := signing.NewSecret()
	row := subscription.Masked(relay.Subscription{URL: "https://u:hunter2@a.example/x", Secrets: []string{secret},
		Headers: map[string]string{"Authorization": "Bearer hunter2", "X-Team": "crm"}})
	if row.Secrets[0] == secret || strings.Contains(row.URL, "hunter2") || row.Headers["Authorization"] != "…" || row.Headers["X-Team"] != "crm" {
		t.Errorf("%+v", row)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("subscriptions: [{name: a, url: 'https://a.example', events: ['*']}]"))
	f.Add([]byte(`{"subscriptions":[{"name":"a","retry":["1s"]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		declared, err := subscription.Parse(text)
		if err != nil {
			if relay.CodeOf(err) != relay.CodeInvalid {
				t.Errorf("%v", err)
			}
			return
		}
		if _, err := subscription.Plan(nil, declared, true); err != nil && relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%v", err)
		}
	})
}
