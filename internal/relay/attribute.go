package relay

import (
	"net/url"
	"strings"
)

// EncodeAttribute writes a CloudEvents attribute as a header value: space, quote, percent and everything outside
// printable ASCII as %XX of its UTF-8 bytes.
func EncodeAttribute(value string) string {
	clean := true
	for i := range len(value) {
		if mustEncode(value[i]) {
			clean = false
			break
		}
	}
	if clean {
		return value
	}
	const digits = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(value) {
		if c := value[i]; mustEncode(c) {
			out.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

func mustEncode(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '%' }

// DecodeAttribute reads EncodeAttribute's text back; text that is none is itself.
func DecodeAttribute(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	decoded, err := url.PathUnescape(value)
	if err != nil {
		return value
	}
	return decoded
}
