package lmssim

import (
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokensPerMinute is how many token calls one address may make.
const tokensPerMinute = 120

// oauthError is one of the protocol's refusals.
func oauthError(status int, code string) reply {
	r := jsonReply(status, map[string]string{"error": code}).set("Cache-Control", "no-store").set("Pragma", "no-cache")
	if status == http.StatusUnauthorized {
		r = r.set("WWW-Authenticate", `Bearer error="`+code+`"`)
	}
	return r
}

// overIPLimit answers when the caller's address called the endpoint too often; status 0 otherwise.
func (s *Server) overIPLimit(c *call) reply {
	if c.set.ThrottleOff {
		return reply{}
	}
	if _, ok := s.perIP.take(string(c.endpoint)+" "+c.clientIP(), tokensPerMinute, s.opt.Now()); ok {
		return reply{}
	}
	if c.set.LegacyRateLimit {
		return htmlReply(http.StatusForbidden)
	}
	return htmlReply(http.StatusTooManyRequests)
}

// issueToken is POST /oauth2/access_token.
func (s *Server) issueToken(c *call) reply {
	if r := s.overIPLimit(c); r.status != 0 {
		return r
	}
	if c.req.Method != http.MethodPost {
		return empty(http.StatusMethodNotAllowed).set("Allow", "POST, OPTIONS")
	}
	form := c.oauthForm()
	grant := form.Get("grant_type")
	if !slices.Contains([]string{"client_credentials", "password", "authorization_code", "refresh_token"}, grant) {
		return oauthError(http.StatusBadRequest, "unsupported_grant_type")
	}
	client, ok := s.authenticateClient(c, form)
	if !ok {
		return oauthError(http.StatusUnauthorized, "invalid_client")
	}
	if strings.ReplaceAll(grant, "_", "-") != client.Grant {
		return oauthError(http.StatusBadRequest, "unauthorized_client")
	}
	if grant != "client_credentials" {
		return oauthError(http.StatusBadRequest, "invalid_grant")
	}
	scopes := client.granted()
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		scopes = asked
	}
	for _, scope := range scopes {
		if !slices.Contains(client.Scopes, scope) {
			return oauthError(http.StatusBadRequest, "invalid_scope")
		}
	}
	return s.grant(c, client, scopes, form)
}

// grant makes the token and its answer.
func (s *Server) grant(c *call, client Client, scopes []string, form url.Values) reply {
	t := token{Client: client.ID, User: client.Owner, scopes: scopes}
	kind := form.Get("token_type")
	if kind == "" {
		kind = c.req.Header.Get("X-Token-Type")
	}
	answer := tokenAnswer{Type: "Bearer", Scope: strings.Join(scopes, " ")}
	lifetime := time.Duration(c.set.TokenTTL)
	if strings.EqualFold(kind, "jwt") {
		answer.Type, lifetime = "JWT", time.Duration(c.set.JWTTTL)
		t.JWT = true
	} else if client.Restricted {
		lifetime = -lifetime
	}
	answer.ExpiresIn = int64(lifetime / time.Second)
	t.Expires = c.now.Add(lifetime)
	value, err := s.newTokenValue(c, client, t, form.Get("asymmetric_jwt") != "")
	if err != nil {
		s.opt.Logger.Error("token could not be made", "error", err)
		return htmlReply(http.StatusInternalServerError)
	}
	if early, ok := s.faults.tokenLife(c); ok {
		t.Expires = c.now.Add(early)
	}
	s.tokens.add(value, t, c.now)
	answer.Token = value
	return jsonReply(http.StatusOK, answer).set("Cache-Control", "no-store").set("Pragma", "no-cache")
}

type tokenAnswer struct {
	Token     string `json:"access_token"`
	ExpiresIn int64  `json:"expires_in"` // seconds
	Type      string `json:"token_type"`
	Scope     string `json:"scope"`
}

// oauthForm reads the body if it is a form; anything else says nothing.
func (c *call) oauthForm() url.Values {
	media, _, _ := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	if media != "application/x-www-form-urlencoded" && media != "multipart/form-data" {
		return url.Values{}
	}
	data, _ := c.fields()
	return data.form
}

// authenticateClient tries HTTP Basic, then the body.
func (s *Server) authenticateClient(c *call, form url.Values) (Client, bool) {
	if id, secret, ok := basicAuth(c.req.Header.Get("Authorization")); ok {
		if client, ok := s.checkClient(id, secret); ok {
			return client, true
		}
	}
	return s.checkClient(form.Get("client_id"), form.Get("client_secret"))
}

func (s *Server) checkClient(id, secret string) (Client, bool) {
	client, ok := s.clients.find(id)
	if !ok || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1 {
		return Client{}, false
	}
	return client, true
}

// basicAuth reads the header; both parts are form-encoded inside it (RFC 6749, 2.3.1).
func basicAuth(header string) (id, secret string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(raw), ":")
	return unescape(id), unescape(secret), ok
}

func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
