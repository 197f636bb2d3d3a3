package desk

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// webhookMoment says what came of a webhook when it came in.
func webhookMoment(w relay.Webhook) Moment {
	m := Moment{At: w.ReceivedAt, Kind: "webhook", Path: "/webhooks/" + url.PathEscape(w.ID)}
	name := strings.TrimSpace(w.Source + " " + w.Topic)
	switch w.State {
	case relay.WebhookRejected:
		m.State, m.What, m.More = "bad", "Refused: "+name, "It failed verification ("+w.Reason+"); nothing was changed."
	case relay.WebhookAccepted:
		m.State, m.What, m.More = "wait", "Accepted: "+name, "It is safe on the log and not yet worked. Is the enroller running?"
	case relay.WebhookDone:
		m.State, m.What, m.More = "good", "Received: "+name, w.Reason
	case relay.WebhookIgnored:
		m.What, m.More = "Received and ignored: "+name, w.Reason
	case relay.WebhookParked:
		m.State, m.What, m.More = "bad", "Received and parked: "+name, w.Reason
	}
	for _, note := range w.Notes {
		m.More = strings.TrimSpace(m.More + " " + note + ".")
	}
	return m
}

// enrollmentMoment says where an enrolment stands since its last change.
func enrollmentMoment(e relay.Enrollment) Moment {
	m := Moment{At: e.UpdatedAt, Kind: "enrollment", More: e.Reason, Path: "/enrollments/" + strconv.FormatInt(e.ID, 10)}
	course := e.Course
	if course == "" {
		course = "a course not yet known"
	}
	switch e.State {
	case relay.EnrollmentEnrolled:
		m.State, m.What = "good", e.Learner+" is enrolled in "+course
	case relay.EnrollmentAllowed:
		m.State, m.What = "good", e.Learner+" may enter "+course+" once registered"
	case relay.EnrollmentUnenrolled:
		m.State, m.What = "good", e.Learner+" is out of "+course
	case relay.EnrollmentWaiting:
		m.State, m.What = "wait", e.Learner+" waits for "+course
		if e.NextAttemptAt != nil && e.NextAttemptAt.After(e.UpdatedAt.Add(time.Second)) { // else it is due
			m.More = strings.TrimSpace(sentence(m.More) + " Next attempt at " + e.NextAttemptAt.UTC().Format("15:04:05 UTC") + ".")
		}
	case relay.EnrollmentParked:
		m.State, m.What = "bad", e.Learner+" is parked before "+course
	}
	for _, note := range e.Notes {
		m.More = strings.TrimSpace(m.More + " " + note + ".")
	}
	return m
}

// deliveryMoment says what became of an event for one subscription.
func deliveryMoment(d relay.Delivery) Moment {
	m := Moment{At: d.StoredAt, Kind: "delivery", Path: "/deliveries/" + url.PathEscape(d.ID)}
	if d.LastAttemptAt != nil {
		m.At = *d.LastAttemptAt
	}
	tries := count(d.Attempts, "attempt", "attempts")
	switch d.State {
	case relay.DeliveryDelivered:
		m.State, m.What, m.More = "good", "Delivered to "+d.Subscription, "After "+tries+"."
	case relay.DeliveryWaiting:
		m.State, m.What = "wait", "Waits to be delivered to "+d.Subscription
		m.More = "After " + tries + "."
		if d.NextAttemptAt != nil {
			m.More += " Next attempt at " + d.NextAttemptAt.UTC().Format("15:04:05 UTC") + "."
		}
	case relay.DeliveryParked:
		m.State, m.What, m.More = "bad", "Parked for "+d.Subscription, "After "+tries+"."
	}
	if d.State != relay.DeliveryDelivered && d.LastError != "" {
		m.More += " " + d.LastError + "."
	}
	return m
}

const storyAttempts = 20 // of one enrolment

// tellAttempts adds what the LMS answered.
func (d *Desk) tellAttempts(ctx context.Context, s *Story) error {
	for _, e := range s.Enrollments {
		attempts, err := d.Ports.Enrollments.Attempts(ctx, e.ID, storyAttempts)
		if err != nil {
			return err
		}
		for _, a := range attempts {
			answer := "no answer"
			if a.Status > 0 {
				answer = strconv.Itoa(a.Status)
			}
			m := Moment{
				At: a.At, Kind: "attempt", What: fmt.Sprintf("Asked the LMS to %s %s", a.Call, e.Learner), More: answer + ": " + a.Outcome,
				Path: "/enrollments/" + strconv.FormatInt(e.ID, 10),
			}
			if a.Status == 0 || a.Status >= 400 {
				m.State = "wait"
			}
			s.tell(m)
		}
	}
	return nil
}

// tellHindrance says what keeps all enrolments from the LMS, when one of the story waits.
func (d *Desk) tellHindrance(ctx context.Context, s *Story) error {
	waits := func(e relay.Enrollment) bool { return e.State == relay.EnrollmentWaiting }
	if d.Ports.Figures == nil || !slices.ContainsFunc(s.Enrollments, waits) {
		return nil
	}
	status, err := d.Ports.Figures.EnrollerStatus(ctx)
	for _, one := range status {
		if one.State != "ready" {
			s.tell(Moment{
				At: one.Since, Kind: "lms", State: "bad", What: "No call goes to the LMS: the client is " + one.State,
				More: strings.TrimSpace(sentence(one.Reason) + " " + sentence(one.Hint)), Path: "/settings",
			})
			break
		}
	}
	return err
}

// sentence ends a text as a sentence.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// verdict sums a story up in a sentence.
func verdict(s *Story) string {
	var parts []string
	states := map[string]int{}
	for _, w := range s.Webhooks {
		states["webhook "+string(w.State)]++
	}
	for _, e := range s.Enrollments {
		states["enrollment "+string(e.State)]++
	}
	for _, d := range s.Deliveries {
		states["delivery "+string(d.State)]++
	}
	for _, part := range []struct{ key, one, many string }{
		{"webhook rejected", "webhook was refused", "webhooks were refused"},
		{"webhook parked", "webhook is parked", "webhooks are parked"},
		{"webhook accepted", "webhook is not yet worked", "webhooks are not yet worked"},
		{"webhook ignored", "webhook asked for nothing", "webhooks asked for nothing"},
		{"enrollment parked", "enrolment is parked", "enrolments are parked"},
		{"enrollment waiting", "enrolment waits", "enrolments wait"},
		{"enrollment enrolled", "learner is enrolled", "learners are enrolled"},
		{"enrollment allowed", "learner may enter once registered", "learners may enter once registered"},
		{"enrollment unenrolled", "enrolment is undone", "enrolments are undone"},
		{"delivery parked", "delivery is parked", "deliveries are parked"},
		{"delivery waiting", "delivery waits", "deliveries wait"},
		{"delivery delivered", "subscription has it", "subscriptions have it"},
	} {
		if n := states[part.key]; n > 0 {
			parts = append(parts, count(n, part.one, part.many))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ") + "."
	case len(s.Events) > 0:
		return count(len(s.Events), "event has this id.", "events have this id.")
	case len(s.Webhooks) > 0:
		return "It came in and asked for nothing."
	}
	return "Nothing is known of it."
}
