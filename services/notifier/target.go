package notifier

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
)

// headerReplay tells a subscriber that an operator asked for this delivery again.
const headerReplay = "Webhook-Replay"

// ownHeaders are those that each delivery has of its own: three of the signature, and the client's name.
const ownHeaders = 4

// target is where a subscription's deliveries go, made ready once.
type target struct {
	url      *url.URL
	headers  http.Header
	secrets  []signing.Secret
	retiring []retiring
	format   relay.Format
	timeout  time.Duration
}

// retiring is a secret that signs until its grace time ends.
type retiring struct {
	secret signing.Secret
	until  time.Time
}

func newTarget(s relay.Subscriber) (*target, error) {
	parsed, err := egress.ParseURL(s.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	t := &target{url: parsed, headers: egress.Canonical(s.Headers), format: s.Format, timeout: time.Duration(s.Timeout)}
	for _, text := range s.Secrets {
		secret, err := signing.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("secrets: %w", err)
		}
		t.secrets = append(t.secrets, secret)
	}
	for _, old := range s.Previous {
		if secret, err := signing.Parse(old.Secret); err == nil {
			t.retiring = append(t.retiring, retiring{secret, old.Until})
		}
	}
	return t, nil
}

// signers gives the secrets that sign at that time.
func (t *target) signers(at time.Time) []signing.Secret {
	if len(t.retiring) == 0 {
		return t.secrets
	}
	all := append([]signing.Secret(nil), t.secrets...)
	for _, old := range t.retiring {
		if at.Before(old.until) {
			all = append(all, old.secret)
		}
	}
	return all
}

// request makes one delivery of an event.
func (t *target) request(w *written, replay string, at time.Time) egress.Request {
	header := make(http.Header, len(t.headers)+len(w.header)+ownHeaders) // just enough: a map has twice the room it is asked for
	maps.Copy(header, t.headers)
	for _, f := range w.header {
		header[f.name] = f.values
	}
	values := []string{w.id, signing.Timestamp(at), signing.Sign(t.signers(at), w.id, at, w.body)}
	header["Webhook-Id"], header["Webhook-Timestamp"], header["Webhook-Signature"] = values[0:1:1], values[1:2:2], values[2:3:3]
	if replay != "" {
		header[headerReplay] = []string{replay}
	}
	return egress.Request{URL: t.url, Header: header, Body: w.body, Timeout: t.timeout, Own: true}
}

// field is a header of a delivery; the name is in canonical form.
type field struct {
	name   string
	values []string
}

// eventHeader gives the headers of an event in a format: those of CloudEvents stand beside a body that is not a
// CloudEvent itself.
func eventHeader(format relay.Format, m *relay.Message, contentType string) []field {
	header := make([]field, 0, len(m.Header)+9)
	set := func(name, value string) { header = append(header, field{name, []string{value}}) }
	set("Content-Type", contentType)
	if trace := m.Header["traceparent"]; trace != "" {
		set("Traceparent", trace)
	}
	if format == relay.FormatCloudEvents {
		return header
	}
	set("Accept", "text/plain")
	set("Ce-Specversion", "1.0")
	set("Ce-Id", relay.EncodeAttribute(m.ID))
	set("Ce-Type", relay.EncodeAttribute(m.Type))
	set("Ce-Source", relay.EncodeAttribute(m.Source))
	if !m.Time.IsZero() {
		set("Ce-Time", m.Time.Format(time.RFC3339Nano))
	}
	if m.About != "" {
		set("Ce-Subject", relay.EncodeAttribute(m.About))
	}
	for name, value := range m.Header {
		if extension, ok := strings.CutPrefix(name, "ce-"); ok && validExtension(extension) {
			set("Ce-"+strings.ToUpper(extension[:1])+extension[1:], relay.EncodeAttribute(value))
		}
	}
	return header
}

func validExtension(name string) bool {
	for i := range len(name) {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return name != ""
}

// webhookID gives the webhook-id of an event: the event's own id, or a digest of it where the id would not be safe in a
// signature ("." separates there) or in a header.
func webhookID(id string) string {
	safe := id != "" && len(id) <= 128
	for i := 0; safe && i < len(id); i++ {
		c := id[i]
		safe = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	if safe {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "evt_" + hex.EncodeToString(sum[:16])
}
