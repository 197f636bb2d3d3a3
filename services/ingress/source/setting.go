package source

import (
	"fmt"
	"strings"
)

// Values of on_refund.
const (
	RefundUnenroll = "unenroll"
	RefundKeep     = "keep"
)

// Choice reads a setting that has two values and tells whether it is the one called yes.
func Choice(key, value, yes, no string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case yes:
		return true, nil
	case no:
		return false, nil
	}
	return false, fmt.Errorf("%s: must be %s or %s", key, no, yes)
}

// Chosen gives the word for a choice back.
func Chosen(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// IsTopic tells whether text can be a sender's topic: words of letters, digits, "_" and "-" between "/" or ".".
func IsTopic(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./", r))
	})
}
