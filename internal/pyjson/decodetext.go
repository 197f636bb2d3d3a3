package pyjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string; d.at stands on its opening quote.
func (d *decoder) text() (string, error) {
	begin := d.at
	d.at++
	start := d.at
	d.plain()
	if d.at < len(d.data) && d.data[d.at] == '"' {
		d.at++
		return string(d.data[start : d.at-1]), nil
	}
	out := append(make([]byte, 0, d.at-start+32), d.data[start:d.at]...)
	for d.at < len(d.data) {
		switch c := d.data[d.at]; {
		case c == '"':
			d.at++
			return string(out), nil
		case c < ' ':
			return "", d.fail("Invalid control character at", d.at)
		case c == '\\':
			var err error
			if out, err = d.escape(out, begin); err != nil {
				return "", err
			}
		}
		start := d.at
		d.plain()
		out = append(out, d.data[start:d.at]...)
	}
	return "", d.fail("Unterminated string starting at", begin)
}

// plain steps to the next quote, backslash, control character or the end.
func (d *decoder) plain() {
	for d.at < len(d.data) {
		if c := d.data[d.at]; c == '"' || c == '\\' || c < ' ' {
			return
		}
		d.at++
	}
}

// escape reads one escape, two when they are the halves of one character.
func (d *decoder) escape(out []byte, begin int) ([]byte, error) {
	at := d.at
	if at+1 >= len(d.data) {
		return nil, d.fail("Unterminated string starting at", begin)
	}
	d.at += 2
	switch c := d.data[at+1]; c {
	case '"', '\\', '/':
		return append(out, c), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case 'n':
		return append(out, '\n'), nil
	case 'r':
		return append(out, '\r'), nil
	case 't':
		return append(out, '\t'), nil
	case 'u':
		return d.unicodeEscape(out, at)
	}
	return nil, d.fail(`Invalid \escape`, at)
}

func (d *decoder) unicodeEscape(out []byte, at int) ([]byte, error) {
	r, ok := d.hex4(d.at)
	if !ok {
		return nil, d.fail(`Invalid \uXXXX escape`, at+1)
	}
	d.at += 4
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r), nil
	}
	if r < 0xdc00 && d.at+1 < len(d.data) && d.data[d.at] == '\\' && d.data[d.at+1] == 'u' {
		if low, ok := d.hex4(d.at + 2); ok && low >= 0xdc00 && low < 0xe000 {
			d.at += 6
			return utf8.AppendRune(out, utf16.DecodeRune(r, low)), nil
		}
	}
	if d.opts.RejectSurrogates {
		return nil, d.fail("Lone surrogate", at)
	}
	return appendSurrogate(out, r), nil
}

func (d *decoder) hex4(at int) (rune, bool) {
	if at+4 > len(d.data) {
		return 0, false
	}
	return hexRune(d.data[at : at+4])
}

func hexRune[T []byte | string](digits T) (rune, bool) {
	var r rune
	for i := range len(digits) {
		c := digits[i]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// appendSurrogate writes half a character in three bytes, as UTF-8 would if it allowed that.
func appendSurrogate(out []byte, r rune) []byte {
	return append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0xbf)
}

// decodeRune reads one character, a lone surrogate too; a byte that is neither gives U+FFFD and 1.
func decodeRune(s string) (rune, int) {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 && len(s) >= 3 && s[0] == 0xed && s[1] >= 0xa0 && s[1] <= 0xbf && s[2]&0xc0 == 0x80 {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return r, size
}
