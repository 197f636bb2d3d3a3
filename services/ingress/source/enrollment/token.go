package enrollment

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// TokenPrefix begins every bearer token, so that people and secret scanners know one.
const TokenPrefix = "edrt_"

// mostFormBytes bounds a token request, which has some two hundred bytes.
const mostFormBytes = 16 << 10

// issue answers the client credentials grant of RFC 6749.
func (e *Endpoint) issue(ctx context.Context, r *source.Request) (source.Answer, error) {
	if r.Method != http.MethodPost {
		answer := oauthError(405, "invalid_request", "POST is wanted.")
		answer.Header["Allow"] = http.MethodPost
		return source.Answer{}, refuse("method", answer)
	}
	if e.tokens == nil {
		return source.Answer{}, errNoLedger
	}
	form, refusal := tokenForm(r)
	if refusal != nil {
		return source.Answer{}, refusal
	}
	client, err := e.client(ctx, r, form)
	if err != nil {
		return source.Answer{}, err
	}
	switch grant := form["grant_type"]; {
	case grant == "":
		return source.Answer{}, refuse("grant", oauthError(400, "invalid_request", "grant_type is missing."))
	case grant != "client_credentials":
		return source.Answer{}, refuse("grant", oauthError(400, "unsupported_grant_type", "Only client_credentials is understood."))
	case form["scope"] != "":
		return source.Answer{}, refuse("scope", oauthError(400, "invalid_scope", "There are no scopes; leave it out."))
	}
	return e.newToken(ctx, client)
}

// newToken keeps the hash of a new token and shows its text to the client only.
func (e *Endpoint) newToken(ctx context.Context, client relay.Client) (source.Answer, error) {
	text := TokenPrefix + rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(text))
	now := e.now().UTC()
	token := relay.Token{ID: rand.Text()[:12], Name: client.Name, Staff: client.Staff, ClientID: client.ID, CreatedAt: now, ExpiresAt: now.Add(e.ttl)}
	if err := e.tokens.CreateToken(ctx, token, hash[:]); err != nil {
		return source.Answer{}, err
	}
	answer := object(200, map[string]any{"access_token": text, "token_type": "Bearer", "expires_in": int(e.ttl.Seconds())})
	answer.Header = noStore()
	return answer, nil
}

// tokenForm reads the form; a parameter that is there twice is refused, as RFC 6749 says.
func tokenForm(r *source.Request) (map[string]string, *source.Refusal) {
	if r.MediaType() != "application/x-www-form-urlencoded" || len(r.Body) > mostFormBytes {
		return nil, refuse("malformed", oauthError(400, "invalid_request", "A form is wanted: application/x-www-form-urlencoded."))
	}
	list, err := source.ParseForm(r.Body)
	if err != nil {
		return nil, refuse("malformed", oauthError(400, "invalid_request", "The form can't be read."))
	}
	form := map[string]string{}
	for _, f := range list {
		if len(f.Values) > 1 {
			return nil, refuse("malformed", oauthError(400, "invalid_request", "A parameter is there more than once."))
		}
		form[f.Key] = f.Values[0]
	}
	return form, nil
}

// client finds out who asks, by HTTP Basic or by the form, not by both.
func (e *Endpoint) client(ctx context.Context, r *source.Request, form map[string]string) (relay.Client, error) {
	id, secret := form["client_id"], form["client_secret"]
	if header, err := r.One("Authorization"); err != nil || header != "" {
		if secret != "" || err != nil {
			return relay.Client{}, refuse("malformed", oauthError(400, "invalid_request", "The client proves itself in one way only."))
		}
		var ok bool
		if id, secret, ok = basic(header); !ok || form["client_id"] != "" && form["client_id"] != id {
			return relay.Client{}, badClient()
		}
	}
	if id == "" || secret == "" || len(id) > 256 {
		return relay.Client{}, badClient()
	}
	hash := sha256.Sum256([]byte(secret))
	client, err := e.tokens.ClientBySecret(ctx, id, hash[:])
	if errors.Is(err, relay.ErrNotFound) || err == nil && client.DisabledAt != nil {
		return relay.Client{}, badClient()
	}
	return client, err
}

// basic reads HTTP Basic, whose two halves RFC 6749 has form-encoded.
func basic(header string) (id, secret string, ok bool) {
	scheme, text, _ := strings.Cut(strings.TrimSpace(header), " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	first, second, found := strings.Cut(string(raw), ":")
	id, errID := url.QueryUnescape(first)
	secret, errSecret := url.QueryUnescape(second)
	return id, secret, found && errID == nil && errSecret == nil
}

func badClient() *source.Refusal {
	answer := oauthError(401, "invalid_client", "The client is not known, disabled, or its secret is wrong.")
	answer.Header["WWW-Authenticate"] = `Basic realm="edrelay"`
	return refuse("client", answer)
}

func oauthError(status int, code, description string) source.Answer {
	answer := object(status, map[string]string{"error": code, "error_description": description})
	answer.Header = noStore()
	return answer
}

func noStore() map[string]string {
	return map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"}
}
