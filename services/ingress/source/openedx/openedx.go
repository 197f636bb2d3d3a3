// Package openedx takes the events and filter calls that the openedx-webhooks plugin of an Open edX site posts.
package openedx

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	catalogue "github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// kind is the name of the kind in the configuration.
const kind = "openedx"

// Topics of the fixed paths.
const (
	topicEvents  = "events"
	topicFilters = "filters"
)

// Kind gives the kind.
func Kind() source.Kind {
	return source.Kind{
		Name: kind,
		Routes: []source.Route{
			{Path: "/webhooks/openedx/events", Topic: topicEvents, Secret: true},
			{Path: "/webhooks/openedx/filters", Topic: topicFilters, Secret: true},
		},
		Settings: func() any { return &Settings{} },
		New:      func(c source.Config) (source.Source, error) { return New(c) },
	}
}

// Settings are the source's keys in the configuration. The plugin can't sign; it proves itself by user and password
// in its URL (HTTP Basic), or by the token as ?token= or as one more segment of the path.
type Settings struct {
	Username string `yaml:"username"`
	Password string `yaml:"password" secret:"true"`
	Token    string `yaml:"token" secret:"true"`
}

// Site is one configured Open edX site.
type Site struct {
	name      string
	username  string
	basic     *digest // of "username:password"; nil: not accepted
	token     *digest // nil: not accepted
	ports     source.Ports
	catalogue *catalogue.Catalogue
	sample    Settings // for `source test`
}

// digest stands for a secret: comparing digests takes the same time whatever was sent, and they print as nothing of use.
type digest [sha256.Size]byte

func digestOf(secret string) *digest {
	sum := digest(sha256.Sum256([]byte(secret)))
	return &sum
}

func (d *digest) matches(text string) bool {
	if d == nil {
		return false
	}
	other := digestOf(text)
	return subtle.ConstantTimeCompare(d[:], other[:]) == 1
}

// New makes a site of its configuration: a user with password, a token, or both.
func New(c source.Config) (*Site, error) {
	set := Settings{}
	if err := c.Decode(&set); err != nil {
		return nil, err
	}
	switch {
	case (set.Username == "") != (set.Password == ""):
		return nil, errors.New("username, password: one without the other proves nothing")
	case strings.Contains(set.Username, ":"):
		return nil, errors.New("username: must hold no colon")
	case set.Password == "" && set.Token == "":
		return nil, errors.New("password, token: at least one is needed, and it must not be empty")
	}
	known, err := catalogue.Load()
	if err != nil {
		return nil, fmt.Errorf("load the catalogue of Open edX: %w", err)
	}
	site := &Site{name: c.Name, username: set.Username, ports: c.Ports, catalogue: known, sample: set}
	if set.Password != "" {
		site.basic = digestOf(set.Username + ":" + set.Password)
	}
	if set.Token != "" {
		site.token = digestOf(set.Token)
	}
	return site, nil
}

// Name is the source's name.
func (s *Site) Name() string { return s.name }

// Kind is "openedx".
func (s *Site) Kind() string { return kind }

// Key is empty: sites are told apart by what proves them.
func (s *Site) Key() string { return "" }

// String keeps secrets out of logs.
func (s *Site) String() string { return "source " + s.name }

// GoString keeps secrets out of logs.
func (s *Site) GoString() string { return s.String() }

// Describe says how the site is configured.
func (s *Site) Describe() relay.Source {
	described := relay.Source{Name: s.name, Kind: kind, Settings: map[string]string{"username": s.username}}
	for _, secret := range []*digest{s.basic, s.token} {
		if secret != nil {
			described.Secrets++
		}
	}
	return described
}

// Verify takes HTTP Basic, or the token as ?token=, as the last segment of the path or as a bearer's. Any is enough.
func (s *Site) Verify(_ context.Context, r *source.Request) error {
	authorization, err := r.One("Authorization")
	if err != nil {
		return err
	}
	query, segment := r.Query("token"), pathSegment(r)
	proven := false
	if pair, ok := basicPair(authorization); ok {
		proven = s.basic.matches(pair)
	}
	for _, token := range []string{bearer(authorization), query, segment} {
		if token != "" && s.token.matches(token) {
			proven = true
		}
	}
	if proven {
		return nil
	}
	reason, message := "signature", "the credentials do not match"
	if authorization == "" && query == "" && segment == "" {
		reason, message = "unsigned", "credentials are missing"
	}
	refusal := source.Refuse(401, reason, "%s", message)
	refusal.Answer = source.Answer{
		Status: 401, ContentType: "application/json", Body: fmt.Appendf(nil, `{"error":"%s"}`, message),
		Header: map[string]string{"WWW-Authenticate": `Basic realm="edrelay", charset="UTF-8"`},
	}
	return refusal
}

// basicPair gives "user:password" of an Authorization header.
func basicPair(authorization string) (pair string, ok bool) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	return string(raw), err == nil
}

// bearer gives the token of an Authorization header.
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func pathSegment(r *source.Request) string {
	segment, err := url.PathUnescape(r.Secret)
	if err != nil {
		return r.Secret
	}
	return segment
}

// Read gives no order: what a site posts is no purchase.
func (s *Site) Read(string, map[string]string, []byte) (relay.Order, error) {
	return relay.Order{Intent: relay.IntentNone, Reason: "no order"}, nil
}
