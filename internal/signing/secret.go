package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"sync"
)

// The prefixes of secrets and keys as text.
const (
	PrefixHMAC    = "whsec_" // base64 of 24 to 64 bytes
	PrefixPrivate = "whsk_"  // base64 of an Ed25519 seed (32 bytes) or seed and public key (64)
	PrefixPublic  = "whpk_"  // base64 of an Ed25519 public key; verifies only
)

// ErrSecret is what Parse returns, wrapped, for text that is no secret; the text is never in the error.
var ErrSecret = errors.New("is no signing secret: whsec_ and base64 of 24 to 64 bytes, whsk_ and an Ed25519 key, or whpk_ and a public key")

// Secret is a parsed secret or key. Safe for concurrent use. It has no text form, so that it can't be logged.
type Secret struct {
	macs    *sync.Pool         // of *mac, HMAC only
	private ed25519.PrivateKey // whsk_ only
	public  ed25519.PublicKey  // whsk_ and whpk_
}

// mac is an HMAC state with room for what it makes.
type mac struct {
	hash hash.Hash
	head []byte
	sum  []byte
}

// NewSecret makes a whsec_ secret of 32 random bytes.
func NewSecret() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return PrefixHMAC + base64.StdEncoding.EncodeToString(raw[:])
}

// NewKeyPair makes an Ed25519 pair: the private whsk_ in the 64-byte form and the public whpk_ to hand out.
func NewKeyPair() (private, public string) {
	publicKey, privateKey, _ := ed25519.GenerateKey(nil) // never fails with the system's randomness
	return PrefixPrivate + base64.StdEncoding.EncodeToString(privateKey),
		PrefixPublic + base64.StdEncoding.EncodeToString(publicKey)
}

// Parse reads a secret. The error wraps ErrSecret.
func Parse(text string) (Secret, error) {
	for prefix, parse := range map[string]func([]byte) (Secret, error){
		PrefixHMAC: parseHMAC, PrefixPrivate: parsePrivate, PrefixPublic: parsePublic,
	} {
		if encoded, ok := strings.CutPrefix(text, prefix); ok {
			raw, err := decode(encoded)
			if err != nil {
				return Secret{}, ErrSecret
			}
			return parse(raw)
		}
	}
	return Secret{}, ErrSecret
}

// Public gives the whpk_ text of an Ed25519 secret, "" for any other.
func (s Secret) Public() string {
	if s.public == nil {
		return ""
	}
	return PrefixPublic + base64.StdEncoding.EncodeToString(s.public)
}

// Signs tells whether the secret can sign; a public key can't.
func (s Secret) Signs() bool { return s.macs != nil || s.private != nil }

func decode(encoded string) ([]byte, error) {
	if strings.HasSuffix(encoded, "=") || len(encoded)%4 == 0 {
		return base64.StdEncoding.Strict().DecodeString(encoded)
	}
	return base64.RawStdEncoding.Strict().DecodeString(encoded)
}

func parseHMAC(raw []byte) (Secret, error) {
	if len(raw) < 24 || len(raw) > 64 {
		return Secret{}, ErrSecret
	}
	key := bytes.Clone(raw)
	return Secret{macs: &sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, key)} }}}, nil
}

func parsePrivate(raw []byte) (Secret, error) {
	switch len(raw) {
	case ed25519.SeedSize, ed25519.PrivateKeySize:
	default:
		return Secret{}, ErrSecret
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(private, raw) {
		return Secret{}, ErrSecret // the public half belongs to another seed
	}
	return Secret{private: private, public: private.Public().(ed25519.PublicKey)}, nil
}

func parsePublic(raw []byte) (Secret, error) {
	if len(raw) != ed25519.PublicKeySize {
		return Secret{}, ErrSecret
	}
	return Secret{public: bytes.Clone(raw)}, nil
}
