// Package lernito takes the enrolment webhooks of Lernito, whose answer says what became of them.
package lernito

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// kind is the name of the kind in the configuration.
const kind = "lernito"

// headerSignature holds the lower-case hex HMAC-SHA256.
const headerSignature = "X-Lernito-Signature"

// headerMedia rides on the log with a form, whose bytes can't be read without its content type.
const headerMedia = "edrelay-media"

// topic is what all webhooks of Lernito ask for.
const topic = "enrollment"

// Kind gives the kind. Both the path of Lernito's documentation and that of its code are served.
func Kind() source.Kind {
	return source.Kind{
		Name: kind,
		Routes: []source.Route{
			{Path: "/api/lernito/webhook", Topic: topic, AnyMethod: true},
			{Path: "/lernito/webhook", Topic: topic, AnyMethod: true},
		},
		Greet:    otherMethod,
		Headers:  []string{headerSignature},
		Settings: func() any { return defaults() },
		New:      func(c source.Config) (source.Source, error) { return New(c) },
		Refuse:   func(r *source.Refusal) source.Answer { return failure(r.Status, r.Message) },
	}
}

// Settings are the source's keys in the configuration.
type Settings struct {
	Secrets []string      `yaml:"secrets" secret:"true"`
	Wait    time.Duration `yaml:"wait"` // how long the answer waits for the outcome

	// ReplayWindow is how long after they first came the same bytes are taken again; 0 is for ever, as Lernito's own
	// receiver does. What came before a restart is not remembered.
	ReplayWindow time.Duration `yaml:"replay_window"`
}

func defaults() *Settings { return &Settings{Wait: 10 * time.Second} }

// longestWait keeps a connection from being held for ever.
const longestWait = 5 * time.Minute

// Sender is one configured Lernito.
type Sender struct {
	name    string
	secrets source.Secrets
	wait    time.Duration
	seen    seen
}

// New makes a sender of its configuration.
func New(c source.Config) (*Sender, error) {
	set := defaults()
	if err := c.Decode(set); err != nil {
		return nil, err
	}
	if set.Wait <= 0 || set.Wait > longestWait {
		return nil, errors.New("wait: must be a duration of at most 5m, like 10s")
	}
	secrets, err := source.NewSecrets(set.Secrets...)
	if err != nil {
		return nil, err
	}
	return &Sender{name: c.Name, secrets: secrets, wait: set.Wait, seen: seen{window: set.ReplayWindow}}, nil
}

// Name is the source's name.
func (s *Sender) Name() string { return s.name }

// Kind is "lernito".
func (s *Sender) Kind() string { return kind }

// Key is empty: Lernito senders are told apart by their secrets.
func (s *Sender) Key() string { return "" }

// Describe says how the sender is configured.
func (s *Sender) Describe() relay.Source {
	return relay.Source{Name: s.name, Kind: kind, Secrets: s.secrets.Len(), Settings: map[string]string{
		"wait": s.wait.String(), "replay_window": s.seen.window.String()}}
}

// Verify accepts a signature over the exact bytes, and over the value that they hold as Python writes it with its
// keys sorted: compact, as Lernito's code signs, or spaced, as its documentation does.
func (s *Sender) Verify(_ context.Context, r *source.Request) error {
	if refusal := unsupported(r); refusal != nil {
		return refusal
	}
	texts := [][]byte{r.Body}
	if value, err := parse(r.Header.Get("Content-Type"), r.Body); err == nil {
		texts = append(texts, pyjson.Encode(value.signed, pyjson.Style{SortKeys: true}),
			pyjson.Encode(value.signed, pyjson.Style{SortKeys: true, Spaced: true}))
	}
	if signatures := r.Header.Values(headerSignature); len(signatures) != 1 || !s.signed(texts, signatures[0]) {
		return source.Refuse(401, "signature", "Invalid signature")
	}
	if s.seen.tooLate(r.Body, r.Received) {
		return source.Refuse(401, "replayed", "Invalid signature")
	}
	return nil
}

// signed compares with every secret and every text, in constant time.
func (s *Sender) signed(texts [][]byte, signature string) bool {
	match := 0
	for _, text := range texts {
		s.secrets.Sums(text, func(sum []byte) {
			var digits [64]byte
			hex.Encode(digits[:], sum)
			match |= subtle.ConstantTimeCompare(digits[:], []byte(signature))
		})
	}
	return match == 1
}
