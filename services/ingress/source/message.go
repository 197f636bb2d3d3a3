package source

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/edrelay/edrelay/internal/relay"
)

// EventType is the ce-type of every webhook on the log.
const EventType = "io.edrelay.webhook.received.v1"

// Webhook makes the log's message of a verified request: its exact bytes, and header beside edrelay's own.
// identity is the sender's own identity of the delivery within the source and topic; the same identity twice is
// one message. about is the order's key and may be empty.
func Webhook(s Source, r *Request, topic, identity, about string, header map[string]string) relay.Message {
	if header == nil {
		header = make(map[string]string, 4)
	}
	header[relay.HeaderSource] = s.Name()
	header[relay.HeaderKind] = s.Kind()
	header[relay.HeaderTopic] = topic
	id := Fingerprint(s.Name(), topic, identity)
	return relay.Message{
		Subject:     relay.WebhookSubject(s.Name(), topic),
		ID:          id,
		Type:        EventType,
		Source:      "/sources/" + s.Name(),
		Time:        r.Received,
		About:       about,
		ContentType: ContentType(r),
		DedupID:     id,
		Header:      header,
		Body:        r.Body,
	}
}

// Fingerprint gives 32 hex digits that stand for the parts; different parts give different ones.
func Fingerprint(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		hash.Write([]byte(part))
		hash.Write([]byte{0})
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// BodyIdentity gives an identity made of the exact bytes, for senders that give none of their own.
func BodyIdentity(body []byte) string {
	sum := sha256.Sum256(body)
	return "body:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// ContentType gives the content type that the request names, JSON when it names none that a header can carry.
func ContentType(r *Request) string {
	if value := r.Header.Get("Content-Type"); value != "" && len(value) <= 128 && printable(value) {
		return value
	}
	return "application/json"
}
