package source

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// Secrets are the keys that a source may sign with; two while one is being replaced. They print as nothing.
type Secrets struct {
	keys []*key
}

type key struct {
	secret []byte
	macs   sync.Pool // of hash.Hash keyed with secret
}

// NewSecrets takes at least one secret. An empty one is an error, since anybody can sign with it.
func NewSecrets(list ...string) (Secrets, error) {
	if len(list) == 0 {
		return Secrets{}, errors.New("secrets: at least one is needed, and it must not be empty")
	}
	made := Secrets{}
	for i, secret := range list {
		if secret == "" {
			return Secrets{}, fmt.Errorf("secrets[%d]: must not be empty", i)
		}
		made.keys = append(made.keys, newKey(secret))
	}
	return made, nil
}

func newKey(secret string) *key {
	k := &key{secret: []byte(secret)}
	k.macs.New = func() any { return hmac.New(sha256.New, k.secret) }
	return k
}

// Len tells how many there are.
func (s Secrets) Len() int { return len(s.keys) }

// String keeps secrets out of logs.
func (s Secrets) String() string { return fmt.Sprintf("%d secrets", len(s.keys)) }

// GoString keeps secrets out of logs.
func (s Secrets) GoString() string { return s.String() }

// MarshalText keeps secrets out of logs.
func (s Secrets) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Signed tells whether signature is the base64 HMAC-SHA256 of body by one of the secrets, in constant time.
func (s Secrets) Signed(body []byte, signature string) bool {
	var sum [sha256.Size]byte
	var text [44]byte
	match := 0
	for _, k := range s.keys {
		base64.StdEncoding.Encode(text[:], k.sum(body, sum[:0]))
		match |= subtle.ConstantTimeCompare(text[:], []byte(signature))
	}
	return match == 1
}

// Check proves that a header holds the base64 HMAC-SHA256 of the request's body. Its error is a *Refusal.
func (s Secrets) Check(r *Request, header string) error {
	signature, err := r.One(header)
	if err != nil {
		return err
	}
	if signature == "" {
		return Refuse(400, "unsigned", "%s is missing", header)
	}
	if !s.Signed(r.Body, signature) {
		return Refuse(403, "signature", "the signature does not match")
	}
	return nil
}

// Sign gives the base64 HMAC-SHA256 of body by the first secret.
func (s Secrets) Sign(body []byte) string {
	return base64.StdEncoding.EncodeToString(s.keys[0].sum(body, nil))
}

// Sums calls each with the HMAC-SHA256 of body by each secret, for other spellings than base64.
func (s Secrets) Sums(body []byte, each func(sum []byte)) {
	var sum [sha256.Size]byte
	for _, k := range s.keys {
		each(k.sum(body, sum[:0]))
	}
}

func (k *key) sum(body, into []byte) []byte {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write(body)
	return mac.Sum(into)
}
