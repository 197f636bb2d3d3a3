package egress

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ExcerptSize is how many bytes of an answer are kept for people, at most.
const ExcerptSize = 1 << 10

// Excerpt gives the first 1 KiB of the answer's body as printable text: bytes that are no UTF-8 and control
// characters other than line ends and tabs become the replacement character.
func (a *Answer) Excerpt() string { return Printable(a.Body, ExcerptSize) }

// Printable gives at most limit bytes of body as text that is safe for a terminal, a page and Postgres.
func Printable(body []byte, limit int) string {
	if len(body) <= limit && plain(body) {
		return string(body)
	}
	var text strings.Builder
	for len(body) > 0 {
		r, size := utf8.DecodeRune(body)
		body = body[size:]
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			if r == '\r' {
				continue
			}
			r = unicode.ReplacementChar
		}
		if text.Len()+utf8.RuneLen(r) > limit {
			break
		}
		text.WriteRune(r)
	}
	return text.String()
}

// plain tells whether all of it is printable ASCII.
func plain(body []byte) bool {
	for _, c := range body {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// RetryAfter reads the header of that name: seconds (fractions round up) or an HTTP date. ok is false when it is
// missing or senseless. A past date is 0; more than limit is limit.
func RetryAfter(header http.Header, now time.Time, limit time.Duration) (wait time.Duration, ok bool) {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(seconds) || seconds < 0 {
			return 0, false
		}
		if seconds >= limit.Seconds() {
			return limit, true
		}
		return time.Duration(math.Ceil(seconds)) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), limit), true
}
