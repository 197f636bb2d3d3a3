package notifier

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// sampleType is what a test sends when nothing more fitting is asked for.
const sampleType = "org.openedx.learning.student.registration.completed.v1"

// TestSubscription posts a sample event of a type to the subscription's URL, signed like any other, and says what came back. It
// leaves no trace in log and ledger. An empty type is one that the subscription wants, where there is a sample of such.
func (r *Registry) TestSubscription(ctx context.Context, name, eventType string) (relay.SubscriptionTest, error) {
	s, err := r.Ledger.Subscriber(ctx, name)
	if err != nil {
		return relay.SubscriptionTest{}, err
	}
	if eventType == "" {
		eventType = r.sampleFor(s.Events)
	}
	m, err := r.Sampler.SampleEvent(eventType, "test-"+rand.Text(), r.Now())
	if relay.CodeOf(err) == relay.CodeNotFound {
		return relay.SubscriptionTest{}, &relay.Error{Code: relay.CodeNotFound, Err: err, Message: "There is no sample of that event type.",
			Hint: "Leave the type out, or take one of Open edX or of edrelay's own."}
	}
	if err != nil {
		return relay.SubscriptionTest{}, err
	}
	t, err := newTarget(s)
	if err != nil {
		return relay.SubscriptionTest{}, err
	}
	var w written
	if w.write(r.Encoder, s.Format, &m); w.err != nil {
		return relay.SubscriptionTest{}, w.err
	}
	request := t.request(&w, "", r.Now())
	test := relay.SubscriptionTest{Subscription: name, URL: egress.Display(t.url), EventType: eventType, EventID: m.ID,
		RequestHeaders: map[string]string{}, RequestBody: string(w.body)}
	for header, values := range request.Header {
		if t.headers[header] == nil { // operators know their own; they may be secret
			test.RequestHeaders[strings.ToLower(header)] = values[0]
		}
	}
	answer, err := r.Client.Do(ctx, request)
	if err != nil {
		test.Error = err.Error()
		return test, nil
	}
	test.Status, test.Answer = answer.Status, answer.Excerpt()
	test.DurationMS = float64(answer.Took.Microseconds()) / 1000
	test.OK = answer.Status/100 == 2
	return test, nil
}

// sampleFor chooses the type of a sample: one that the patterns name, else one that they match, else any.
func (r *Registry) sampleFor(patterns []string) string {
	known := r.Sampler.SampleTypes()
	wanted := func(eventType string) bool { return subscription.Matches(patterns, eventType) }
	if i := slices.IndexFunc(patterns, func(pattern string) bool { return slices.Contains(known, pattern) }); i >= 0 {
		return patterns[i]
	}
	if i := slices.IndexFunc(known, wanted); i >= 0 && !wanted(sampleType) {
		return known[i]
	}
	return sampleType
}
