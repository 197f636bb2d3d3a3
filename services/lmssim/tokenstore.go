package lmssim

import (
	"crypto/rand"
	"maps"
	"sync"
	"time"
)

// keepTokens is how many tokens are remembered before some are forgotten.
const keepTokens = 100_000

// token is one token that was issued.
type token struct {
	Client  string
	User    string // username of the client's owner; "" for none
	JWT     bool
	Expires time.Time // when the platform stops to take it
	scopes  []string
}

type tokens struct {
	mu      sync.Mutex
	byValue map[string]token
}

func (t *tokens) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byValue = map[string]token{}
}

func (t *tokens) add(value string, tok token, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byValue) >= keepTokens {
		t.forget(now)
	}
	t.byValue[value] = tok
}

// forget drops the expired tokens, and any others as long as there are too many.
func (t *tokens) forget(now time.Time) {
	maps.DeleteFunc(t.byValue, func(_ string, old token) bool { return old.Expires.Before(now) })
	for value := range t.byValue {
		if len(t.byValue) <= keepTokens/2 {
			return
		}
		delete(t.byValue, value)
	}
}

func (t *tokens) find(value string) (token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tok, ok := t.byValue[value]
	return tok, ok
}

// revoke forgets an opaque token of a client; JWTs can't be revoked.
func (t *tokens) revoke(value, client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tok, ok := t.byValue[value]; ok && !tok.JWT && tok.Client == client {
		delete(t.byValue, value)
	}
}

// expire ends every token that was issued so far.
func (t *tokens) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for value, tok := range t.byValue {
		tok.Expires = now.Add(-leeway - time.Second)
		t.byValue[value] = tok
	}
}

// newTokenValue makes what the client gets.
func (s *Server) newTokenValue(c *call, client Client, t token, asymmetric bool) (string, error) {
	if !t.JWT {
		return rand.Text() + rand.Text()[:4], nil
	}
	return s.signer.sign(s.claims(c, client, t), asymmetric)
}
