package notifier_test

import (
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

func TestATestSendsATypeThatTheSubscriptionWants(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	target := newSink(t, nil)
	const registered, course = "org.openedx.learning.student.registration.completed.v1", "org.openedx.content_authoring.course.created.v1"
	for name, c := range map[string]struct {
		events []string
		want   string
	}{
		"exact":   {[]string{"org.example.*", course}, course},
		"prefix":  {[]string{"org.openedx.content_auth*"}, "org.openedx.content_authoring."},
		"all":     {[]string{"*"}, registered},
		"unknown": {[]string{"org.example.happened.v1"}, registered}, // nothing fitting is known
		"none":    {[]string{}, registered},
	} {
		g.subscribe(name, target.URL, func(d *subscription.Declaration) { d.Events = &c.events })
		test, err := g.registry.TestSubscription(t.Context(), name, "")
		if err != nil || !test.OK || !subscription.Matches([]string{c.want + "*"}, test.EventType) {
			t.Errorf("%s: %s %v", name, test.EventType, err)
		}
	}
	_, err := g.registry.TestSubscription(t.Context(), "all", "org.example.happened.v1")
	if relay.CodeOf(err) != relay.CodeNotFound || relay.PublicMessage(err) == relay.ErrNotFound.Message {
		t.Error(err)
	}
}
