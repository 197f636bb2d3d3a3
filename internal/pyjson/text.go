package pyjson

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text gives Python's str() of a value: a string as it is, everything else as Repr.
func Text(v Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return Repr(v)
}

// Repr gives Python's repr() of a value: None, True, 1e+16, [1, 'two'], (1,), {'k': 'v'}.
func Repr(v Value) string { return string(AppendRepr(nil, v)) }

// AppendRepr writes Repr of a value. Which characters are printable follows Go's Unicode tables.
func AppendRepr(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "None"...)
	case bool:
		if v {
			return append(dst, "True"...)
		}
		return append(dst, "False"...)
	case Number:
		return appendNumberRepr(dst, v)
	case string:
		return appendStringRepr(dst, v)
	case Array:
		return append(appendItems(append(dst, '['), v), ']')
	case Tuple:
		dst = appendItems(append(dst, '('), v)
		if len(v) == 1 {
			dst = append(dst, ',')
		}
		return append(dst, ')')
	case *Object:
		return appendDict(dst, v)
	}
	panic(fmt.Sprintf("pyjson: %T is no Value", v))
}

func appendNumberRepr(dst []byte, n Number) []byte {
	text := string(appendNumber(nil, n))
	switch text {
	case "NaN":
		text = "nan"
	case "Infinity":
		text = "inf"
	case "-Infinity":
		text = "-inf"
	}
	return append(dst, text...)
}

func appendItems(dst []byte, items []Value) []byte {
	for i, v := range items {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendRepr(dst, v)
	}
	return dst
}

func appendDict(dst []byte, o *Object) []byte {
	dst = append(dst, '{')
	first := true
	for key, value := range o.All() {
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = AppendRepr(append(appendStringRepr(dst, key), ": "...), value)
	}
	return append(dst, '}')
}

func appendStringRepr(dst []byte, s string) []byte {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	dst = append(dst, quote)
	for i := 0; i < len(s); {
		r, size := decodeRune(s[i:])
		i += size
		dst = appendRuneRepr(dst, r, rune(quote))
	}
	return append(dst, quote)
}

func appendRuneRepr(dst []byte, r, quote rune) []byte {
	switch {
	case r == quote || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, '\\', 'n')
	case r == '\r':
		return append(dst, '\\', 'r')
	case r == '\t':
		return append(dst, '\\', 't')
	case printable(r):
		return utf8.AppendRune(dst, r)
	case r < 0x100:
		return appendHex(append(dst, '\\', 'x'), r, 2)
	case r < 0x10000:
		return appendHex(append(dst, '\\', 'u'), r, 4)
	}
	return appendHex(append(dst, '\\', 'U'), r, 8)
}
