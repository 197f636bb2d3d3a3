package signing

import (
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Why a delivery is not verified.
var (
	ErrHeaders   = errors.New("webhook-id, webhook-timestamp or webhook-signature is missing or malformed")
	ErrTimestamp = errors.New("webhook-timestamp is too far from now")
	ErrSignature = errors.New("no signature matches")
)

// Tolerance is how far the timestamp may be from now in the official libraries.
const Tolerance = 5 * time.Minute

// maxSignatures bounds the work that a stranger's header can ask for.
const maxSignatures = 32

// Delivery is what a receiver got: the three headers as text and the exact body.
type Delivery struct {
	ID        string
	Timestamp string
	Signature string
	Body      []byte
}

// Verify tells whether any of the secrets signed d within tolerance of now: nil, ErrHeaders, ErrTimestamp or
// ErrSignature. Signatures of unknown versions are skipped. A tolerance of 0 leaves the time unchecked.
func Verify(secrets []Secret, d Delivery, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(d.Timestamp, 10, 64)
	if err != nil || d.ID == "" || d.Signature == "" {
		return ErrHeaders
	}
	if tolerance > 0 {
		if off := now.Unix() - seconds; off > int64(tolerance/time.Second) || off < -int64(tolerance/time.Second) {
			return ErrTimestamp
		}
	}
	matched := 0
	for i, entry := range strings.SplitN(d.Signature, " ", maxSignatures+1) {
		if i == maxSignatures {
			break
		}
		version, encoded, ok := strings.Cut(entry, ",")
		if !ok || version != "v1" && version != "v1a" {
			continue
		}
		given, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, secret := range secrets {
			matched |= secret.matches(version, given, d, seconds)
		}
	}
	if matched == 0 {
		return ErrSignature
	}
	return nil
}

// matches gives 1 when given is this secret's signature. d.Timestamp was checked to be a number, and the signed
// bytes hold it as it was sent.
func (s Secret) matches(version string, given []byte, d Delivery, seconds int64) int {
	switch {
	case version == "v1" && s.macs != nil:
		state := s.macs.Get().(*mac)
		defer s.macs.Put(state)
		return subtle.ConstantTimeCompare(given, state.of(d.ID, seconds, d.Body))
	case version == "v1a" && s.public != nil && len(given) == ed25519.SignatureSize:
		if ed25519.Verify(s.public, content(d.ID, seconds, d.Body), given) {
			return 1
		}
	}
	return 0
}
