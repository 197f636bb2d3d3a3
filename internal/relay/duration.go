package relay

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Duration is a time.Duration whose text form is the short one of configurations: "10s", "2m", "1h30m".
type Duration time.Duration

// String gives the text form.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText gives the text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ErrDuration is what UnmarshalText returns, wrapped, for text that is no duration.
var ErrDuration = errors.New("is no duration like 10s, 2m or 1h30m")

// UnmarshalText reads a text form.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q %w", text, ErrDuration)
	}
	*d = Duration(parsed)
	return nil
}
