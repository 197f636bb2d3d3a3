package relay

import "strings"

// The streams of the log.
const (
	StreamWebhooks = "WEBHOOKS" // webhooks.<source>.<topic>: verified webhooks, byte for byte
	StreamRejected = "REJECTED" // rejected.<source>.<reason>: what failed verification; small, oldest go first
	StreamEvents   = "EVENTS"   // events.<type>: what happened in Open edX and in edrelay
)

// WebhookSubject gives the subject of a verified webhook. topic may hold dots or slashes ("orders/create").
func WebhookSubject(source, topic string) string {
	return "webhooks." + token(source) + "." + tokens(topic)
}

// RejectedSubject gives the subject of a rejected webhook; reason is one word, e.g. "signature".
func RejectedSubject(source, reason string) string {
	return "rejected." + token(source) + "." + token(reason)
}

// EventSubject gives the subject of an event type; the type must be valid by ValidEventType.
func EventSubject(eventType string) string { return "events." + eventType }

// FilterSubject gives the request-reply subject of a filter class, e.g. "filters.CourseEnrollmentStarted".
func FilterSubject(class string) string { return "filters." + token(class) }

// ValidEventType tells whether an event type can be the tail of a NATS subject: printable ASCII without space,
// "*" or ">", no empty token, at most 255 bytes.
func ValidEventType(eventType string) bool {
	if eventType == "" || len(eventType) > 255 {
		return false
	}
	for part := range strings.SplitSeq(eventType, ".") {
		if part == "" {
			return false
		}
	}
	for i := range len(eventType) {
		if c := eventType[i]; c <= ' ' || c > '~' || c == '*' || c == '>' {
			return false
		}
	}
	return true
}

// token makes text one subject token: characters that NATS gives a meaning become "_".
func token(text string) string {
	if text == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(".*>/", r) {
			return '_'
		}
		return r
	}, text)
}

func tokens(text string) string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '.' || r == '/' })
	if len(parts) == 0 {
		return "_"
	}
	for i, part := range parts {
		parts[i] = token(part)
	}
	return strings.Join(parts, ".")
}
