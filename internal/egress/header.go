package egress

import (
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// CheckHeader tells whether an operator may add this header to calls: nil, or an error that names the header but
// not its value. Refused are names and values that are no HTTP (line ends above all), those that steer the
// connection or the body, and the ones that edrelay writes itself.
func CheckHeader(name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("header %q is no valid name", name)
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("header %q has a value with characters that are not allowed", name)
	}
	lower := strings.ToLower(name)
	for _, prefix := range []string{"webhook-", "ce-", "proxy-", "sec-"} {
		if strings.HasPrefix(lower, prefix) {
			return fmt.Errorf("header %q can't be set: %s* is reserved", name, prefix)
		}
	}
	if reservedHeader(lower) {
		return fmt.Errorf("header %q can't be set: it steers the connection or the body", name)
	}
	return nil
}

// CheckHeaders is CheckHeader for each; at most 32 headers of 8 KiB together, each name once whatever its case.
func CheckHeaders(headers map[string]string) error {
	size := 0
	seen := make(map[string]bool, len(headers))
	for name, value := range headers {
		if err := CheckHeader(name, value); err != nil {
			return err
		}
		if lower := strings.ToLower(name); seen[lower] {
			return fmt.Errorf("header %q is there twice", name)
		} else {
			seen[lower] = true
		}
		size += len(name) + len(value)
	}
	if len(headers) > 32 || size > 8<<10 {
		return fmt.Errorf("more than 32 headers or 8 KiB of them")
	}
	return nil
}

// Canonical makes an http.Header of operators' headers that passed CheckHeaders.
func Canonical(headers map[string]string) http.Header {
	made := make(http.Header, len(headers))
	for name, value := range headers {
		made[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return made
}

func reservedHeader(lower string) bool {
	switch lower {
	case "host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect",
		"content-length", "content-type", "content-encoding", "accept-encoding", "date", "http2-settings",
		"idempotency-key", "x-idempotency-key":
		return true
	}
	return false
}
