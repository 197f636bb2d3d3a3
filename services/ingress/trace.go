package ingress

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// continueTrace puts a W3C traceparent on a message: the sender's trace with a span of ours, or a new trace.
func continueTrace(m *relay.Message, r *source.Request) {
	trace, flags := traceOf(r.Header.Get("Traceparent"))
	if trace == "" {
		trace, flags = randomHex(16), "00"
	}
	m.Header["traceparent"] = "00-" + trace + "-" + randomHex(8) + "-" + flags
}

// traceOf gives the trace id and flags of a valid traceparent, "" of any other text.
func traceOf(parent string) (trace, flags string) {
	parts := strings.Split(parent, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || len(parts[1]) != 32 || len(parts[2]) != 16 || len(parts[3]) != 2 {
		return "", ""
	}
	for _, part := range parts[:4] {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return "", ""
		}
	}
	if parts[0] == "ff" || strings.Trim(parts[1], "0") == "" || strings.Trim(parts[2], "0") == "" {
		return "", ""
	}
	return parts[1], parts[3]
}

func randomHex(size int) string {
	raw := make([]byte, size)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	raw[0] |= 1 // never all zero
	return hex.EncodeToString(raw)
}
