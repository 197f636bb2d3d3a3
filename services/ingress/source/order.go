package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseJSON decodes body into an object's struct. Anything but one JSON object in valid UTF-8 is a refusal with
// status 400.
func ParseJSON(body []byte, into any) error {
	if !utf8.Valid(body) {
		return Refuse(400, "malformed", "the body is not valid UTF-8")
	}
	if first := firstByte(body); first != '{' {
		return Refuse(400, "malformed", "the body must be a JSON object")
	}
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	refusal := Refuse(400, "malformed", "the body is not JSON")
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		refusal.Message = fmt.Sprintf("%s must not be a JSON %s", wrong.Field, kindOf(wrong.Value))
	}
	return refusal
}

// kindOf cuts "number 1.5" to "number", for the value may be personal.
func kindOf(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	return kind
}

func firstByte(body []byte) byte {
	for _, c := range body {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

// Text is a JSON string, or a number as it is written; null and everything else is empty.
type Text string

// UnmarshalJSON never fails on valid JSON.
func (t *Text) UnmarshalJSON(data []byte) error {
	*t = ""
	switch c := data[0]; {
	case c == '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*t = Text(text)
	case c == '-' || c >= '0' && c <= '9':
		*t = Text(data)
	}
	return nil
}

// Key gives the text as a positive whole number, the key that shops give their things; "" when it is none.
func (t Text) Key() string {
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil || n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// maxQuantity is more than anybody buys; greater numbers count as this.
const maxQuantity = 1_000_000

// Count gives the text as a quantity; absent when it is no number or negative.
func (t Text) Count(absent int) int {
	n, err := strconv.ParseFloat(string(t), 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && n > 0, err == nil && n > maxQuantity:
		return maxQuantity
	case err != nil, n < 0:
		return absent
	}
	return int(n)
}

// Learner gives an address without the space around it, and what is wrong with it. An identifier that the LMS would
// take for several, or for a username, is refused here.
func Learner(text string) (address, problem string) {
	address = strings.TrimSpace(text)
	if address == "" {
		return "", "no learner's address"
	}
	if !IsAddress(address) {
		return "", "the learner's address is no e-mail address"
	}
	return address, ""
}

// IsAddress tells whether text could be one e-mail address and nothing else.
func IsAddress(text string) bool {
	local, domain, found := strings.Cut(text, "@")
	if !found || local == "" || domain == "" || len(text) > 254 || strings.Contains(domain, "@") {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`,;<>"`, r)
	})
}

// Names are property names, compared without case.
type Names []string

// Has tells whether name is one of them.
func (n Names) Has(name string) bool {
	for _, each := range n {
		if strings.EqualFold(each, strings.TrimSpace(name)) {
			return true
		}
	}
	return false
}
