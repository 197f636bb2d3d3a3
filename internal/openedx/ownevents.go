package openedx

import "github.com/edrelay/edrelay/internal/relay"

// ownEvent is an event type of edrelay itself.
type ownEvent struct {
	eventType, title, about, key string
	fields                       []Field
}

func (e ownEvent) schema() object {
	properties := object{}
	for _, f := range e.fields {
		properties[f.Name] = f.Type.schema()
	}
	return object{"type": "object", "properties": properties}
}

// ownEvents lists edrelay's own event types, with their fields as relay.Enrollment, the roster and the notifier write
// them.
func ownEvents() []ownEvent {
	return []ownEvent{
		{relay.EventEnrollmentSucceeded, "Enrolment succeeded", "A learner is in a course because of an order.", "enrollment", enrollmentFields()},
		{relay.EventEnrollmentAllowed, "Enrolment allowed", "A learner without an active account will be in the course after registering.", "enrollment", enrollmentFields()},
		{relay.EventEnrollmentRevoked, "Enrolment revoked", "A learner was taken out of a course because of a refund or a cancelled order.", "enrollment", enrollmentFields()},
		{relay.EventEnrollmentFailed, "Enrolment failed", "An enrolment is parked; a person must see it.", "enrollment", enrollmentFields()},
		{relay.EventRosterCreated, "Roster enrolment created", "The enrolment endpoint wrote a learner into the local roster.", "enrollment", rosterFields()},
		{relay.EventSubscriptionFailing, "Subscription failing", "Deliveries of a subscription fail; it is on the way to being disabled.", "subscription", subscriptionFields()},
		{relay.EventSubscriptionDisabled, "Subscription disabled", "A subscription was disabled; its backlog is kept.", "subscription", subscriptionFields()},
		{relay.EventSubscriptionRecovered, "Subscription recovered", "Deliveries of a subscription succeed again.", "subscription", subscriptionFields()},
	}
}

func textField(name string) Field { return Field{name, Type{Kind: KindText, Name: "str"}} }

func enrollmentFields() []Field {
	return []Field{
		{"id", Type{Kind: KindInt}}, textField("webhook_id"), textField("source"), textField("order"), textField("learner"),
		textField("course"), textField("action"), textField("state"), textField("reason"), {"attempts", Type{Kind: KindInt}},
		{"next_attempt_at", Type{Kind: KindTime, Optional: true}}, {"mailed", Type{Kind: KindBool}},
		{"notes", Type{Kind: KindList, Elem: &Type{Kind: KindText, Name: "str"}}},
	}
}

func subscriptionFields() []Field {
	return []Field{
		textField("name"), {"failures", Type{Kind: KindInt}}, {"failing_since", Type{Kind: KindTime, Optional: true}},
		{"percent", Type{Kind: KindInt}}, textField("reason"),
	}
}

func rosterFields() []Field {
	return []Field{
		{"id", Type{Kind: KindInt}}, textField("email"), textField("course_id"), textField("mode"), textField("role"),
		{"active", Type{Kind: KindBool}}, textField("source"), {"created_at", Type{Kind: KindTime}},
	}
}
