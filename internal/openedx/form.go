package openedx

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// maxFormFields bounds what a stranger may post as a form.
const maxFormFields = 10_000

// parseForm reads application/x-www-form-urlencoded in order; of a repeated name the last value wins.
func parseForm(body []byte) (*pyjson.Object, error) {
	fields := pyjson.NewObject()
	for part := range strings.SplitSeq(string(body), "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		switch {
		case err1 != nil || err2 != nil:
			return nil, relay.Errorf(relay.CodeInvalid, "The form holds a broken escape.")
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return nil, relay.Errorf(relay.CodeInvalid, "The form holds invalid UTF-8.")
		case fields.Len() >= maxFormFields:
			return nil, relay.Errorf(relay.CodeTooLarge, "The form has too many fields.")
		}
		fields.Set(name, value)
	}
	return fields, nil
}

// appendForm writes an object as the plugin does: nested objects flattened with "_", later names winning at the place
// of the first, leaves as str(), empty objects gone. Half a character, which Python refuses to send, becomes U+FFFD.
func appendForm(dst []byte, o *pyjson.Object) []byte {
	flat := pyjson.NewObject()
	flatten(flat, "", o)
	first := true
	for name, value := range flat.All() {
		if !first {
			dst = append(dst, '&')
		}
		first = false
		dst = append(append(dst, escapeForm(name)...), '=')
		dst = append(dst, escapeForm(pyjson.Text(value))...)
	}
	return dst
}

func escapeForm(s string) string { return url.QueryEscape(strings.ToValidUTF8(s, "\uFFFD")) }

func flatten(flat *pyjson.Object, prefix string, o *pyjson.Object) {
	for key, value := range o.All() {
		if child, ok := value.(*pyjson.Object); ok {
			flatten(flat, prefix+key+"_", child)
			continue
		}
		flat.Set(prefix+key, value)
	}
}
