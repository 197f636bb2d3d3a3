package subscription

import (
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// NoSubject is a subject that nothing can be published on; it stands for no events.
const NoSubject = "events.*none"

// ValidPattern tells whether the text is an event type or a prefix of event types with "*" at its end. The prefix may
// end inside a word; "*" alone is all.
func ValidPattern(pattern string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	if !open {
		return relay.ValidEventType(pattern)
	}
	return prefix == "" || relay.ValidEventType(strings.TrimSuffix(prefix, "."))
}

// Matches tells whether an event type is meant by any of the patterns.
func Matches(patterns []string, eventType string) bool {
	for _, pattern := range patterns {
		if prefix, open := strings.CutSuffix(pattern, "*"); open {
			if strings.HasPrefix(eventType, prefix) {
				return true
			}
		} else if pattern == eventType {
			return true
		}
	}
	return false
}

// Subjects gives NATS subjects that cover the patterns, and perhaps more: a prefix that ends inside a word has no exact
// subject, so a reader asks Matches too.
func Subjects(patterns []string) []string {
	if len(patterns) == 0 {
		return []string{NoSubject}
	}
	subjects := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		prefix, open := strings.CutSuffix(pattern, "*")
		if !open {
			subjects = append(subjects, relay.EventSubject(pattern))
			continue
		}
		whole := prefix[:strings.LastIndexByte(prefix, '.')+1]
		subjects = append(subjects, relay.EventSubject(whole+">"))
	}
	return subjects
}
