// Package signing signs and verifies deliveries by Standard Webhooks 1.0.0: HMAC-SHA256 with whsec_ secrets (v1)
// and Ed25519 with whsk_ keys (v1a), several at a time while secrets rotate.
package signing

// Headers of a signed delivery.
const (
	HeaderID        = "webhook-id"        // names the event; the same for every attempt; no "."
	HeaderTimestamp = "webhook-timestamp" // Unix seconds of the attempt
	HeaderSignature = "webhook-signature" // one or more signatures, a space between
)
