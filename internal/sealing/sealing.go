// Package sealing encrypts the secrets that stand in Postgres (AES-256-GCM) with keys from the configuration.
package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// What may be wrong with a key or a sealed secret; neither error ever holds key or secret.
var (
	ErrKey  = errors.New("is no sealing key: base64 of 32 bytes")
	ErrOpen = errors.New("the sealed secret can't be opened: its key is not configured, or it was changed")
)

// Layout of a sealed secret: version 1, 4 bytes that tell the key, 12 bytes nonce, ciphertext and tag.
const (
	version   = 1
	keyIDSize = 4
	nonceSize = 12
	headSize  = 1 + keyIDSize + nonceSize
)

// Ring holds the sealing keys: the first seals, every one opens. Safe for concurrent use.
type Ring struct {
	keys []key
}

type key struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

// NewKey makes a random key as text.
func NewKey() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return base64.StdEncoding.EncodeToString(raw[:])
}

// New makes a Ring of keys as text (base64 of 32 bytes). To rotate, put the new key first and keep the old one until
// every secret was sealed again; see Stale.
func New(keys ...string) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("no sealing key is configured")
	}
	ring := &Ring{}
	for i, text := range keys {
		made, err := newKey(text)
		if err != nil {
			return nil, fmt.Errorf("sealing key %d: %w", i+1, err)
		}
		ring.keys = append(ring.keys, made)
	}
	return ring, nil
}

func newKey(text string) (key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 32 {
		return key{}, ErrKey
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, ErrKey
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, ErrKey
	}
	sum := sha256.Sum256(append([]byte("edrelay sealing key "), raw...))
	return key{id: [keyIDSize]byte(sum[:keyIDSize]), aead: aead}, nil
}

// Seal encrypts plain with the first key. about says what it belongs to ("subscription"): a secret sealed for one
// thing does not open for another.
func (r *Ring) Seal(plain []byte, about string) []byte {
	first := r.keys[0]
	sealed := make([]byte, headSize, headSize+len(plain)+first.aead.Overhead())
	sealed[0] = version
	copy(sealed[1:], first.id[:])
	nonce := sealed[1+keyIDSize : headSize]
	_, _ = rand.Read(nonce) // never fails
	return first.aead.Seal(sealed, nonce, plain, []byte(about))
}

// Open decrypts what Seal made for the same about; ErrOpen when no key fits.
func (r *Ring) Open(sealed []byte, about string) ([]byte, error) {
	if len(sealed) < headSize || sealed[0] != version {
		return nil, ErrOpen
	}
	id, nonce := [keyIDSize]byte(sealed[1:1+keyIDSize]), sealed[1+keyIDSize:headSize]
	for _, k := range r.keys {
		if k.id != id {
			continue
		}
		if plain, err := k.aead.Open(nil, nonce, sealed[headSize:], []byte(about)); err == nil {
			return plain, nil
		}
	}
	return nil, ErrOpen
}

// Stale tells whether sealed was made with another key than the first, and should be sealed again.
func (r *Ring) Stale(sealed []byte) bool {
	return len(sealed) < headSize || [keyIDSize]byte(sealed[1:1+keyIDSize]) != r.keys[0].id
}
