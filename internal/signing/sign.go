package signing

import (
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"time"
)

// Sign gives the webhook-signature of body for each secret that signs, in their order: "v1,… v1a,…". id is the
// webhook-id and must not hold "."; at is the time of this attempt, whose Unix seconds are the webhook-timestamp.
func Sign(secrets []Secret, id string, at time.Time, body []byte) string {
	return string(AppendSignature(make([]byte, 0, 48*len(secrets)), secrets, id, at, body))
}

// AppendSignature is Sign into dst, for hot paths.
func AppendSignature(dst []byte, secrets []Secret, id string, at time.Time, body []byte) []byte {
	start := len(dst)
	for _, secret := range secrets {
		if !secret.Signs() {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if secret.macs != nil {
			dst = secret.appendHMAC(append(dst, "v1,"...), id, at.Unix(), body)
			continue
		}
		signature := ed25519.Sign(secret.private, content(id, at.Unix(), body))
		dst = base64.StdEncoding.AppendEncode(append(dst, "v1a,"...), signature)
	}
	return dst
}

// Timestamp gives the webhook-timestamp of an attempt.
func Timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func (s Secret) appendHMAC(dst []byte, id string, seconds int64, body []byte) []byte {
	state := s.macs.Get().(*mac)
	dst = base64.StdEncoding.AppendEncode(dst, state.of(id, seconds, body))
	s.macs.Put(state)
	return dst
}

// of gives the MAC of id.seconds.body; the result is valid until the next call.
func (m *mac) of(id string, seconds int64, body []byte) []byte {
	m.hash.Reset()
	m.head = appendHead(m.head[:0], id, seconds)
	m.hash.Write(m.head)
	m.hash.Write(body)
	m.sum = m.hash.Sum(m.sum[:0])
	return m.sum
}

func appendHead(dst []byte, id string, seconds int64) []byte {
	dst = append(append(dst, id...), '.')
	return append(strconv.AppendInt(dst, seconds, 10), '.')
}

func content(id string, seconds int64, body []byte) []byte {
	return append(appendHead(make([]byte, 0, len(id)+len(body)+24), id, seconds), body...)
}
