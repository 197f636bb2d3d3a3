package pyjson

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Style says how Append writes. The zero value is json.dumps(v, separators=(",", ":")).
type Style struct {
	Spaced   bool // ", " and ": ", the defaults of json.dumps
	SortKeys bool // by code point, at every depth
	Unicode  bool // ensure_ascii=False: only quotes, backslashes and control characters are escaped
	Finite   bool // a number that is not finite is written null, so that the text is JSON
	Source   bool // numbers keep their source text
}

// Encode gives the JSON text of a value; see Append.
func Encode(v Value, style Style) []byte { return Append(nil, v, style) }

// Append writes the JSON text of a value as json.dumps does. A lone surrogate is always written as its escape. It
// panics on a Go type that is no Value, which is a defect of the caller and never a stranger's doing.
func Append(dst []byte, v Value, style Style) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		if v {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case Number:
		return appendStyled(dst, v, style)
	case string:
		return AppendString(dst, v, style)
	case Array:
		return appendArray(dst, v, style)
	case Tuple:
		return appendArray(dst, v, style)
	case *Object:
		return appendObject(dst, v, style)
	}
	panic(fmt.Sprintf("pyjson: %T is no Value", v))
}

func appendStyled(dst []byte, n Number, style Style) []byte {
	switch {
	case style.Finite && !n.IsFinite() && !style.Source, style.Finite && strings.ContainsAny(string(n), "IN"):
		return append(dst, "null"...)
	case style.Source:
		return append(dst, n...)
	}
	return appendNumber(dst, n)
}

func appendArray(dst []byte, array []Value, style Style) []byte {
	dst = append(dst, '[')
	for i, v := range array {
		if i > 0 {
			dst = style.comma(dst)
		}
		dst = Append(dst, v, style)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, o *Object, style Style) []byte {
	var members []Member
	if o != nil {
		members = o.members
	}
	if style.SortKeys {
		members = slices.SortedFunc(slices.Values(members), func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
	}
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = style.comma(dst)
		}
		dst = AppendString(dst, m.Key, style)
		if dst = append(dst, ':'); style.Spaced {
			dst = append(dst, ' ')
		}
		dst = Append(dst, m.Value, style)
	}
	return append(dst, '}')
}

func (s Style) comma(dst []byte) []byte {
	if s.Spaced {
		return append(dst, ',', ' ')
	}
	return append(dst, ',')
}

// AppendString writes a string with its quotes. Escaped to ASCII, U+007F is escaped too and "/<>&'" are not.
func AppendString(dst []byte, s string, style Style) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\' {
			i++
		}
		dst = append(dst, s[start:i]...)
		if i < len(s) {
			r, size := decodeRune(s[i:])
			dst = appendSpecial(dst, r, style)
			i += size
		}
	}
	return append(dst, '"')
}

func appendSpecial(dst []byte, r rune, style Style) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if style.Unicode && r >= ' ' && !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r)
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendHex(append(appendHex(append(dst, '\\', 'u'), high, 4), '\\', 'u'), low, 4)
	}
	return appendHex(append(dst, '\\', 'u'), r, 4)
}

// appendHex writes the last digits of a number in lower-case hex.
func appendHex(dst []byte, r rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[r>>shift&0xf])
	}
	return dst
}
