package subscription

import (
	"maps"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
)

// Limits of what may be declared.
const (
	maxName     = 100
	maxPatterns = 100
	maxSecrets  = 10
	maxTimeout  = 2 * time.Minute
	maxInFlight = 1000
	maxRate     = 100_000
	maxRetry    = 50
	maxWait     = 7 * 24 * time.Hour
	maxText     = 1000
)

// Defaults is a subscription of which only name, URL and events are to be said.
func Defaults() relay.Subscription {
	waits := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	retry := make([]relay.Duration, len(waits))
	for i, wait := range waits {
		retry[i] = relay.Duration(wait)
	}
	return relay.Subscription{Format: relay.FormatPluginJSON, Headers: map[string]string{}, Events: []string{},
		Timeout: relay.Duration(10 * time.Second), MaxInFlight: 16, Retry: retry, Enabled: true}
}

// Resolve lays a declaration over a base: Defaults for a whole one, what stands for an edit. The result is judged;
// what is wrong is a relay.CodeInvalid error that names subscription and key. Secrets are left to the caller when the
// declaration has none.
func Resolve(base relay.Subscription, d Declaration) (relay.Subscription, error) {
	s := base
	s.Name = d.Name
	set(&s.URL, d.URL)
	set(&s.Events, d.Events)
	set(&s.Format, d.Format)
	set(&s.Secrets, d.Secrets)
	set(&s.Headers, d.Headers)
	set(&s.Timeout, d.Timeout)
	set(&s.MaxInFlight, d.MaxInFlight)
	set(&s.Rate, d.Rate)
	set(&s.Ordered, d.Ordered)
	set(&s.Retry, d.Retry)
	set(&s.Enabled, d.Enabled)
	set(&s.Description, d.Description)
	s.Events, s.Retry, s.Secrets = slices.Clone(s.Events), slices.Clone(s.Retry), slices.Clone(s.Secrets)
	if s.Headers = maps.Clone(s.Headers); s.Headers == nil {
		s.Headers = map[string]string{}
	}
	if d.Events == nil && base.URL == "" {
		return s, wrong(s.Name, "events", `is missing; [] is none, ["*"] is all`)
	}
	return s, check(s)
}

func set[T any](target *T, value *T) {
	if value != nil {
		*target = *value
	}
}

func wrong(name, key, what string) error {
	return relay.Errorf(relay.CodeInvalid, "subscription %s: %s %s", shown(name), key, what)
}

// check judges a whole subscription.
func check(s relay.Subscription) error {
	if !validName(s.Name) {
		return relay.Errorf(relay.CodeInvalid, "subscription %s: name must be letters, digits, '.', '_' or '-', at most %d", shown(s.Name), maxName)
	}
	if _, err := egress.ParseURL(s.URL); err != nil {
		return wrong(s.Name, "url", err.Error())
	}
	if len(s.Events) > maxPatterns {
		return wrong(s.Name, "events", "has more than 100 entries")
	}
	for _, pattern := range s.Events {
		if !ValidPattern(pattern) {
			return wrong(s.Name, "events", "has an entry that is neither an event type nor a prefix ending in *")
		}
	}
	switch s.Format {
	case relay.FormatPluginJSON, relay.FormatPluginForm, relay.FormatCloudEvents:
	default:
		return wrong(s.Name, "format", "must be plugin-json, plugin-form or cloudevents")
	}
	if err := egress.CheckHeaders(s.Headers); err != nil {
		return wrong(s.Name, "headers:", err.Error())
	}
	if err := checkSecrets(s); err != nil {
		return err
	}
	return checkNumbers(s)
}

func checkSecrets(s relay.Subscription) error {
	if len(s.Secrets) > maxSecrets {
		return wrong(s.Name, "secrets", "has more than 10 entries")
	}
	for _, text := range s.Secrets {
		secret, err := signing.Parse(text)
		if err != nil {
			return wrong(s.Name, "secrets: one", signing.ErrSecret.Error())
		}
		if !secret.Signs() {
			return wrong(s.Name, "secrets", "has a public key, which can't sign")
		}
	}
	return nil
}

func checkNumbers(s relay.Subscription) error {
	if s.Timeout <= 0 || s.Timeout > relay.Duration(maxTimeout) {
		return wrong(s.Name, "timeout", "must be more than 0s and at most 2m")
	}
	if s.MaxInFlight < 1 || s.MaxInFlight > maxInFlight {
		return wrong(s.Name, "max_in_flight", "must be from 1 to 1000")
	}
	if !(s.Rate >= 0 && s.Rate <= maxRate) || s.Rate > 0 && s.Rate < 1e-4 {
		return wrong(s.Name, "rate", "must be 0 or a number of deliveries a second, at most 100000")
	}
	if len(s.Retry) > maxRetry {
		return wrong(s.Name, "retry", "has more than 50 entries")
	}
	for _, wait := range s.Retry {
		if wait <= 0 || wait > relay.Duration(maxWait) {
			return wrong(s.Name, "retry", "must be waits of more than 0s and at most 168h")
		}
	}
	if len(s.Description) > maxText {
		return wrong(s.Name, "description", "is longer than 1000 bytes")
	}
	return nil
}

func validName(name string) bool {
	if name == "" || len(name) > maxName || name == "." || name == ".." {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
