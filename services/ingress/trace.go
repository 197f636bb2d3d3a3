package ingress

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// beginSpan spans a request once it is known whose it is, from when it came. Only a sender that proved who it is has its
// trace continued and may ask for it to be kept.
func (s *Service) beginSpan(ctx context.Context, v *visit, began time.Time, proved bool) context.Context {
	path := v.r.Path
	if v.r.Named {
		path = namedPrefix + "{source}"
	}
	b := telemetry.Beginning{Kind: telemetry.Serving, Name: v.r.Method + " " + path, At: began}
	if proved {
		b.Parent = v.r.Header.Get("Traceparent")
	}
	ctx, v.span = s.options.Tracer.Start(ctx, b)
	v.span.Text(telemetry.Method, v.r.Method)
	v.span.Text(telemetry.Route, path)
	v.span.Text(telemetry.Source, v.name())
	v.span.Text(telemetry.Topic, v.r.Topic)
	return ctx
}

func endSpan(span *telemetry.Span, status int) {
	if span == nil {
		return
	}
	span.Number(telemetry.Status, status)
	if status >= 500 {
		span.Fail(strconv.Itoa(status))
	}
	span.End()
}

// continueTrace puts a W3C traceparent on a message: that of the request's span; where there are no spans the sender's trace
// with an id of ours, or a new trace.
func continueTrace(m *relay.Message, v *visit) {
	if v.span != nil {
		m.Header[telemetry.Header] = v.span.Parent()
		return
	}
	parent := v.r.Header.Get("Traceparent")
	trace, flags := telemetry.Trace(parent), "00"
	if trace == "" {
		trace = randomHex(16)
	} else {
		flags = parent[53:55]
	}
	m.Header[telemetry.Header] = "00-" + trace + "-" + randomHex(8) + "-" + flags
}

func randomHex(size int) string {
	raw := make([]byte, size)
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	raw[0] |= 1 // never all zero
	return hex.EncodeToString(raw)
}
