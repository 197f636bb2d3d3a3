package subscription

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// What a plan does to a subscription.
const (
	Create    = "added"
	Update    = "changed"
	Remove    = "removed"
	Unchanged = "unchanged"
)

// Step is a change with what it leads to; nil Next removes Current.
type Step struct {
	relay.Change
	Current *relay.Subscriber
	Next    *relay.Subscriber
}

// Plan tells what applying the declarations to those that stand would do; nothing is done. Those that stand and are
// not declared are left alone, or removed with prune. What was paused stays paused; secrets stay as they are, rotated
// or not, unless other ones are declared than the last time; who is new has no secrets when none are declared, so the
// caller makes them. Any error means that nothing may be applied.
func Plan(standing []relay.Subscriber, declared []Declaration, prune bool) ([]Step, error) {
	byName := make(map[string]*relay.Subscriber, len(standing))
	for i := range standing {
		byName[standing[i].Name] = &standing[i]
	}
	steps := make([]Step, 0, len(declared))
	for _, d := range declared {
		step, err := plan(byName[d.Name], d)
		if err != nil {
			return nil, err
		}
		delete(byName, d.Name)
		steps = append(steps, step)
	}
	if prune {
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			steps = append(steps, Step{Change: relay.Change{Name: name, Action: Remove, Fields: []string{}}, Current: byName[name]})
		}
	}
	return steps, nil
}

func plan(current *relay.Subscriber, d Declaration) (Step, error) {
	resolved, err := Resolve(Defaults(), d)
	if err != nil {
		return Step{}, err
	}
	if current == nil {
		next := &relay.Subscriber{Subscription: resolved, Declared: Digest(d.Secrets)}
		return Step{Change: changeOf(d.Name, Create, diff(Defaults(), resolved)), Next: next}, nil
	}
	next := *current
	next.Subscription = carry(current.Subscription, resolved)
	next.Secrets = current.Secrets
	if d.Secrets != nil && len(*d.Secrets) > 0 && string(Digest(d.Secrets)) != string(current.Declared) {
		next.Secrets, next.Declared, next.Previous = resolved.Secrets, Digest(d.Secrets), nil
	}
	step := Step{Change: changeOf(d.Name, Unchanged, diff(current.Subscription, next.Subscription)), Current: current, Next: &next}
	if len(step.Fields) > 0 || string(next.Declared) != string(current.Declared) {
		step.Action = Update
	}
	return step, nil
}

func changeOf(name, action string, diff []relay.Diff) relay.Change {
	change := relay.Change{Name: name, Action: action, Fields: []string{}, Diff: diff}
	for _, d := range diff {
		change.Fields = append(change.Fields, d.Key)
	}
	return change
}

// Edit gives what stands with some keys changed. Declared secrets replace all others.
func Edit(current relay.Subscriber, d Declaration) (relay.Subscriber, []relay.Diff, error) {
	d.Name = current.Name
	resolved, err := Resolve(current.Subscription, d)
	if err != nil {
		return current, nil, err
	}
	next := current
	next.Subscription = carry(current.Subscription, resolved)
	if d.Secrets != nil && len(*d.Secrets) > 0 {
		next.Declared, next.Previous = Digest(d.Secrets), nil
	} else {
		next.Secrets = current.Secrets
	}
	return next, diff(current.Subscription, next.Subscription), nil
}

// carry keeps what is no part of a declaration.
func carry(current, resolved relay.Subscription) relay.Subscription {
	resolved.State, resolved.Backlog, resolved.Reason, resolved.CreatedAt = current.State, current.Backlog, current.Reason, current.CreatedAt
	return resolved
}

// Digest tells declared secrets apart without keeping them; nil for none.
func Digest(secrets *[]string) []byte {
	if secrets == nil || len(*secrets) == 0 {
		return nil
	}
	sum := sha256.Sum256([]byte(strings.Join(*secrets, "\n")))
	return sum[:]
}

func diff(old, next relay.Subscription) []relay.Diff {
	was, is := texts(old), texts(next)
	shownWas, shownIs := texts(Masked(old)), texts(Masked(next))
	changes := []relay.Diff{}
	for i, key := range keys {
		if was[i] != is[i] {
			changes = append(changes, relay.Diff{Key: key, Old: shownWas[i], New: shownIs[i]})
		}
	}
	if !slices.Equal(old.Secrets, next.Secrets) {
		changes = append(changes, relay.Diff{Key: "secrets", Old: plain(maskAll(old.Secrets)), New: plain(maskAll(next.Secrets))})
	}
	return changes
}

var keys = []string{"url", "events", "format", "headers", "timeout", "max_in_flight", "rate", "ordered", "retry", "enabled", "description"}

func texts(s relay.Subscription) []string {
	return []string{s.URL, plain(s.Events), string(s.Format), plain(s.Headers), s.Timeout.String(), strconv.Itoa(s.MaxInFlight),
		plain(s.Rate), strconv.FormatBool(s.Ordered), plain(s.Retry), strconv.FormatBool(s.Enabled), s.Description}
}

func plain(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// Masked gives the subscription as operators may see it: secrets, the password in the URL and headers that
// authenticate are not readable.
func Masked(s relay.Subscription) relay.Subscription {
	s.Secrets = maskAll(s.Secrets)
	if parsed, err := url.Parse(s.URL); err == nil {
		s.URL = parsed.Redacted()
	}
	s.Headers = maps.Clone(s.Headers)
	for name := range s.Headers {
		lower := strings.ToLower(name)
		for _, word := range []string{"auth", "cookie", "token", "secret", "key", "password"} {
			if strings.Contains(lower, word) {
				s.Headers[name] = "…"
			}
		}
	}
	return s
}

func maskAll(secrets []string) []string {
	masked := make([]string, len(secrets))
	for i, secret := range secrets {
		prefix, rest, _ := strings.Cut(secret, "_")
		masked[i] = prefix + "_…"
		if len(rest) >= 20 {
			masked[i] += rest[len(rest)-4:]
		}
	}
	return masked
}
