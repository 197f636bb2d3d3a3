package telemetry

import (
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// Header is the name, in lower case, under which a traceparent rides on messages.
const Header = "traceparent"

// parse reads a W3C traceparent; the span context is not valid where the text is not. Versions to come may be longer.
func parse(text string) trace.SpanContext {
	parts := strings.Split(text, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || len(parts[3]) != 2 || parts[0] == "00" && len(parts) > 4 {
		return trace.SpanContext{}
	}
	id, err := trace.TraceIDFromHex(parts[1])
	span, wrong := trace.SpanIDFromHex(parts[2])
	if err != nil || wrong != nil || strings.Trim(parts[0]+parts[3], "0123456789abcdef") != "" {
		return trace.SpanContext{}
	}
	var flags trace.TraceFlags
	if strings.IndexByte("13579bdf", parts[3][1]) >= 0 {
		flags = trace.FlagsSampled
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: flags, Remote: true})
}

func format(c trace.SpanContext) string {
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String()
}

// Valid tells whether text is a traceparent.
func Valid(text string) bool { return parse(text).IsValid() }

// Sampled gives the first of the traceparents that is kept by whoever began its trace, else the first, else "".
func Sampled(parents []string) string {
	for _, text := range parents {
		if parse(text).IsSampled() {
			return text
		}
	}
	if len(parents) == 0 {
		return ""
	}
	return parents[0]
}

// Trace gives the trace id of a traceparent, "" of any other text.
func Trace(text string) string {
	if !Valid(text) {
		return ""
	}
	return text[3:35]
}
