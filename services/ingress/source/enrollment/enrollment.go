// Package enrollment is the endpoint by which the Open edX side says that somebody became staff or was enrolled, and
// the token endpoint that goes with it. edrelay keeps its own record and calls nobody back.
package enrollment

import (
	"context"
	"crypto/sha256"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// kind is the name of the kind in the configuration.
const kind = "enrollment"

// Topics of the two paths.
const (
	topicEnroll = "enrollment"
	topicToken  = "token"
)

// Kind gives the kind.
func Kind() source.Kind {
	return source.Kind{
		Name: kind,
		Routes: []source.Route{
			{Path: "/api/openedx_webhook/enrollment", Topic: topicEnroll, AnyMethod: true},
			{Path: "/oauth2/token", Topic: topicToken, AnyMethod: true},
		},
		Settings: func() any { return defaults() },
		New:      func(c source.Config) (source.Source, error) { return New(c) },
		Refuse:   func(r *source.Refusal) source.Answer { return detail(r.Status, r.Message) },
	}
}

// Settings are the source's keys in the configuration.
type Settings struct {
	TokenTTL     time.Duration `yaml:"token_ttl"`     // of tokens that clients fetch
	RetryPending bool          `yaml:"retry_pending"` // enrol later, when an unknown person or course run has become known
}

func defaults() *Settings { return &Settings{TokenTTL: 10 * time.Hour, RetryPending: true} }

// Endpoint is the configured endpoint.
type Endpoint struct {
	name   string
	ttl    time.Duration
	retry  bool
	tokens source.Tokens
	roster source.Roster
	now    func() time.Time
}

// New makes the endpoint of its configuration. Without the ports for tokens and roster it answers 503.
func New(c source.Config) (*Endpoint, error) {
	set := defaults()
	if err := c.Decode(set); err != nil {
		return nil, err
	}
	if set.TokenTTL < time.Minute {
		return nil, errors.New("token_ttl: must be a duration of at least 1m, like 10h")
	}
	e := &Endpoint{name: c.Name, ttl: set.TokenTTL, retry: set.RetryPending, tokens: c.Ports.Tokens, roster: c.Ports.Roster, now: c.Ports.Now}
	if e.now == nil {
		e.now = time.Now
	}
	return e, nil
}

// Name is the source's name.
func (e *Endpoint) Name() string { return e.name }

// Kind is "enrollment".
func (e *Endpoint) Kind() string { return kind }

// Key is empty: whoever has a token is welcome.
func (e *Endpoint) Key() string { return "" }

// Describe says how the endpoint is configured.
func (e *Endpoint) Describe() relay.Source {
	return relay.Source{Name: e.name, Kind: kind, Settings: map[string]string{
		"token_ttl": e.ttl.String(), "retry_pending": strconv.FormatBool(e.retry)}}
}

// Realm of the bearer tokens, and what goes with it when a token is wrong.
const (
	realm   = `Bearer realm="api"`
	invalid = realm + `,error="invalid_token",error_description="The access token is invalid."`
	expired = realm + `,error="invalid_token",error_description="The access token has expired."`
)

// Verify wants a bearer token that is known, neither expired nor revoked, and of staff. Each request asks the
// ledger, so that a revocation acts at once in every process.
func (e *Endpoint) Verify(ctx context.Context, r *source.Request) error {
	if r.Topic == topicToken {
		return nil // the client proves itself in the form, see issue
	}
	text := bearer(r.Header.Values("Authorization"))
	if text == "" {
		return unauthorized(realm)
	}
	if e.tokens == nil {
		return errNoLedger
	}
	hash := sha256.Sum256([]byte(text))
	token, err := e.tokens.TokenByHash(ctx, hash[:])
	switch {
	case errors.Is(err, relay.ErrNotFound):
		return unauthorized(invalid)
	case err != nil:
		return err
	}
	switch token.StateAt(e.now()) {
	case relay.TokenExpired:
		return unauthorized(expired)
	case relay.TokenRevoked:
		return unauthorized(invalid)
	}
	if !token.Staff {
		return refuse("staff", detail(403, "You do not have permission to perform this action."))
	}
	return nil
}

// errNoLedger becomes 503.
var errNoLedger = &relay.Error{Code: relay.CodeUnavailable, Message: "The ledger is away; send it again."}

// bearer gives the token of an Authorization header; "" when there is none, or more than one header.
func bearer(values []string) string {
	if len(values) != 1 {
		return ""
	}
	scheme, text, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(text)
}

func unauthorized(challenge string) *source.Refusal {
	answer := detail(401, "Authentication credentials were not provided.")
	answer.Header = map[string]string{"WWW-Authenticate": challenge}
	return refuse("token", answer)
}

// refuse makes a refusal that is not kept: it could not be verified again without its token.
func refuse(reason string, answer source.Answer) *source.Refusal {
	return &source.Refusal{Status: answer.Status, Reason: reason, Message: "refused", Answer: answer}
}

// Read says that nothing is asked of the LMS.
func (e *Endpoint) Read(string, map[string]string, []byte) (relay.Order, error) {
	return relay.Order{Intent: relay.IntentNone, Reason: "kept in the roster"}, nil
}

// Sample gives a request without a token, whose refusal shows that the endpoint is there.
func (e *Endpoint) Sample(time.Time) (source.Sample, error) {
	return source.Sample{Path: "/api/openedx_webhook/enrollment/", Header: map[string]string{"Content-Type": "application/json"},
		Body: []byte(`{}`), Works: 401}, nil
}
