package learner

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	mostReadings = 4        // escapes within escapes
	mostUnpacked = 16 << 20 // bytes of a compressed payload that are looked at
)

// eachReading shows a payload to see as it is and as it reads with its escapes undone, one within the other, until see
// says true.
func eachReading(payload []byte, see func([]byte) bool) bool {
	return readings(payload, mostReadings, see)
}

func readings(text []byte, depth int, see func([]byte) bool) bool {
	if see(text) {
		return true
	}
	if depth == 0 {
		return false
	}
	if plain, ok := unpacked(text); ok {
		return readings(plain, depth-1, see)
	}
	if plain, ok := jsonPlain(text); ok && readings(plain, depth-1, see) {
		return true
	}
	if plain, ok := formPlain(text); ok && readings(plain, depth-1, see) {
		return true
	}
	return false
}

func unpacked(text []byte) ([]byte, bool) {
	if !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return nil, false
	}
	reader, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, false
	}
	plain, _ := io.ReadAll(io.LimitReader(reader, mostUnpacked)) // what can be read of a broken one counts
	return plain, len(plain) > 0
}

var jsonEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f', '"': '"', '\\': '\\', '/': '/'}

// jsonPlain undoes the escapes of JSON texts; false when there are none.
func jsonPlain(text []byte) ([]byte, bool) {
	at := bytes.IndexByte(text, '\\')
	if at < 0 {
		return nil, false
	}
	out := append(make([]byte, 0, len(text)), text[:at]...)
	for i := at; i < len(text); {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			i++
			continue
		}
		if plain, ok := jsonEscapes[text[i+1]]; ok {
			out = append(out, plain)
			i += 2
			continue
		}
		r, size := unicodeEscape(text[i:])
		if size == 0 {
			out = append(out, text[i])
			i++
			continue
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out, true
}

// unicodeEscape reads \u0040, or two of them that are one character; size 0 when there is none.
func unicodeEscape(text []byte) (r rune, size int) {
	first, ok := hex4(text)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(first) {
		if second, ok := hex4(text[6:]); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return first, 6
}

func hex4(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var raw [2]byte
	if _, err := hex.Decode(raw[:], text[2:6]); err != nil {
		return 0, false
	}
	return rune(raw[0])<<8 | rune(raw[1]), true
}

// formPlain undoes the escapes of forms and URLs; false when there are none.
func formPlain(text []byte) ([]byte, bool) {
	at := bytes.IndexByte(text, '%')
	if at < 0 {
		return nil, false
	}
	out, changed := make([]byte, 0, len(text)), false
	for i := 0; i < len(text); i++ {
		var raw [1]byte
		switch {
		case text[i] == '%' && i+2 < len(text):
			if _, err := hex.Decode(raw[:], text[i+1:i+3]); err == nil {
				out, changed = append(out, raw[0]), true
				i += 2
				continue
			}
		case text[i] == '+':
			out = append(out, ' ')
			continue
		}
		out = append(out, text[i])
	}
	return out, changed
}
