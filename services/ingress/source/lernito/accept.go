package lernito

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Accept judges the fields. A repeated webhook is worked again, so each is a message of its own; its answer waits for
// the enroller.
func (s *Sender) Accept(_ context.Context, r *source.Request) (source.Accepted, error) {
	parsed, err := parse(r.Header.Get("Content-Type"), r.Body)
	if err != nil {
		return source.Accepted{}, refuse(detail(400, "JSON parse error - %s", err))
	}
	asked, wrong := check(parsed)
	if wrong != nil {
		return source.Accepted{}, refuse(failure(400, wrong))
	}
	once := make([]byte, 16)
	if _, err := rand.Read(once); err != nil {
		return source.Accepted{}, err
	}
	m := source.Webhook(s, r, topic, hex.EncodeToString(once), "", r.Keep(headerSignature))
	if parsed.form {
		m.Header[headerMedia] = r.Header.Get("Content-Type")
	}
	count := len(asked.courses)
	return source.Accepted{
		Message: m,
		Answer:  accepted(count, m.ID),
		Outcome: func(told relay.DirectOutcome) source.Answer { return outcome(count, told) },
		Wait:    s.wait,
	}, nil
}

func refuse(answer source.Answer) *source.Refusal {
	refusal := source.Refuse(answer.Status, "malformed", "the body is not as Lernito sends it")
	refusal.Answer = answer
	return refusal
}

// Read interprets a webhook: one learner and all courses, whose outcome the sender waits for.
func (s *Sender) Read(_ string, header map[string]string, body []byte) (relay.Order, error) {
	parsed, err := parse(cmp.Or(header[headerMedia], mediaJSON), body)
	if err != nil {
		return relay.Order{}, relay.Errorf(relay.CodeInvalid, "the body can't be read")
	}
	asked, wrong := check(parsed)
	if wrong != nil {
		return relay.Order{}, relay.Errorf(relay.CodeInvalid, "the body lacks a field or has a wrong one")
	}
	canonical := pyjson.Encode(parsed.signed, pyjson.Style{SortKeys: true})
	return relay.Order{
		ID:     source.Fingerprint(string(canonical)),
		Intent: relay.IntentEnroll,
		Direct: &relay.Direct{Learner: asked.email, Courses: asked.courses},
	}, nil
}

// Sample gives a signed request without courses: it is verified, refused for that, and nobody is enrolled by a test.
func (s *Sender) Sample(_ time.Time) (source.Sample, error) {
	body := []byte(`{"courseIds":[],"email":"edrelay-test@example.com","family":"Test","name":"edrelay","username":"edrelay-test"}`)
	var digits string
	s.secrets.Sums(body, func(sum []byte) {
		if digits == "" {
			digits = hex.EncodeToString(sum)
		}
	})
	return source.Sample{
		Path:   "/api/lernito/webhook/",
		Header: map[string]string{"Content-Type": mediaJSON, headerSignature: digits},
		Body:   body,
		Works:  400,
	}, nil
}
