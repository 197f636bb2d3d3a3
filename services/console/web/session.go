package web

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

const (
	cookieName     = "edrelay_session"
	sessionTime    = 12 * time.Hour
	secureCookie   = "__Host-" + cookieName
	forwardedProto = "X-Forwarded-Proto"
)

// session is what the cookie says, signed. Nothing is kept on the server, so any console process knows it.
type session struct {
	Key   []byte    `json:"k,omitempty"` // SHA-256 of the API key; empty for the admin token
	Nonce string    `json:"n"`
	Until time.Time `json:"u"`
}

// sessionKeys sign cookies and forms.
type sessionKeys struct{ cookie, form []byte }

func newSessionKeys(secret []byte) sessionKeys {
	return sessionKeys{derive(secret, "edrelay console cookie"), derive(secret, "edrelay console form")}
}

func derive(secret []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, use, sha256.Size)
	if err != nil {
		panic(err) // only lengths can be wrong, and they are constant
	}
	return key
}

func sign(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (k sessionKeys) seal(s session) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err) // bytes, a string and a time
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text + "." + sign(k.cookie, text)
}

// open gives the session of a cookie that was made here and is not over.
func (k sessionKeys) open(cookie string, now time.Time) (session, bool) {
	text, mark, _ := strings.Cut(cookie, ".")
	if !hmac.Equal([]byte(mark), []byte(sign(k.cookie, text))) {
		return session{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	var s session
	if err != nil || json.Unmarshal(raw, &s) != nil || !now.Before(s.Until) {
		return session{}, false
	}
	return s, true
}

// formToken is what every form of a session carries.
func (k sessionKeys) formToken(s session) string { return sign(k.form, s.Nonce) }

func (s *site) isSecure(c fiber.Ctx) bool {
	return s.Secure || c.Protocol() == "https" || strings.EqualFold(c.Get(forwardedProto), "https")
}

func (s *site) setCookie(c fiber.Ctx, value string, until time.Time) {
	secure := s.isSecure(c)
	name := cookieName
	if secure {
		name = secureCookie
	}
	c.Cookie(&fiber.Cookie{
		Name: name, Value: value, Path: "/", Expires: until, HTTPOnly: true, Secure: secure, SameSite: fiber.CookieSameSiteLaxMode,
	})
}

// who gives the operator of the request's session.
func (s *site) who(c fiber.Ctx) (relay.Operator, session, bool) {
	name := cookieName
	if s.isSecure(c) {
		name = secureCookie
	}
	held, ok := s.keys.open(c.Cookies(name), s.Now())
	if !ok {
		return relay.Operator{}, session{}, false
	}
	if len(held.Key) == 0 {
		return relay.Operator{Name: "admin", Role: relay.RoleAdmin}, held, true
	}
	ctx, cancel := context.WithTimeout(c.Context(), pageTimeout)
	defer cancel()
	who, err := s.Access.Resume(ctx, held.Key)
	return who, held, err == nil
}

func (s *site) newSession(key []byte) session {
	return session{Key: key, Nonce: rand.Text(), Until: s.Now().Add(sessionTime)}
}
