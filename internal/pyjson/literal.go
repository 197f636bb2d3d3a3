package pyjson

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrLiteral says that a text is not the repr of a Value.
var ErrLiteral = errors.New("not a Python literal")

// ParseLiteral reads what Repr writes, and a set as an array: None, True, numbers, quoted strings, lists, tuples
// and dicts with string keys. Nesting beyond the default depth of Decode and anything else is ErrLiteral.
func ParseLiteral(text string) (Value, error) {
	l := literal{text: text}
	v, ok := l.value(0)
	if l.space(); !ok || l.at < len(text) {
		return nil, ErrLiteral
	}
	return v, nil
}

type literal struct {
	text string
	at   int
}

func (l *literal) space() {
	for l.at < len(l.text) && l.text[l.at] == ' ' {
		l.at++
	}
}

// take steps over a word if it comes next.
func (l *literal) take(word string) bool {
	if !strings.HasPrefix(l.text[l.at:], word) {
		return false
	}
	l.at += len(word)
	return true
}

func (l *literal) value(depth int) (Value, bool) {
	l.space()
	if depth > defaultMaxDepth || l.at >= len(l.text) {
		return nil, false
	}
	switch l.text[l.at] {
	case '\'', '"':
		return l.quoted()
	case '[':
		l.at++
		items, _, ok := l.items("]", depth+1)
		return Array(items), ok
	case '(':
		return l.tuple(depth)
	case '{':
		return l.dict(depth)
	}
	return l.atom()
}

func (l *literal) atom() (Value, bool) {
	for _, w := range [...]struct {
		word  string
		value Value
	}{
		{"None", nil}, {"True", true}, {"False", false}, {"set()", Array{}},
		{"nan", Number("NaN")}, {"inf", Number("Infinity")}, {"-inf", Number("-Infinity")},
	} {
		if l.take(w.word) {
			return w.value, true
		}
	}
	d := decoder{data: []byte(l.text[l.at:min(len(l.text), l.at+maxIntDigits+32)])}
	n, err := d.number()
	l.at += d.at
	return n, err == nil
}

func (l *literal) tuple(depth int) (Value, bool) {
	l.at++
	items, trailing, ok := l.items(")", depth+1)
	if len(items) == 1 && !trailing {
		return nil, false // a value in brackets, which repr never writes
	}
	return Tuple(items), ok
}

// items reads values up to the closing mark; trailing tells whether a comma stood before it.
func (l *literal) items(end string, depth int) (items []Value, trailing, ok bool) {
	items = []Value{}
	for {
		if l.space(); l.take(end) {
			return items, trailing, true
		}
		if len(items) > 0 && !trailing {
			return nil, false, false
		}
		v, ok := l.value(depth)
		if !ok {
			return nil, false, false
		}
		items = append(items, v)
		l.space()
		trailing = l.take(",")
	}
}

// dict reads a dict, or a set when its first value has no colon.
func (l *literal) dict(depth int) (Value, bool) {
	l.at++
	if l.space(); l.take("}") {
		return &Object{}, true
	}
	start := l.at
	object := &Object{}
	for {
		l.space()
		key, ok := l.key()
		if !ok || !l.take(":") {
			break
		}
		value, ok := l.value(depth + 1)
		if !ok {
			return nil, false
		}
		object.Set(key, value)
		if l.space(); l.take("}") {
			return object, true
		}
		if !l.take(",") {
			return nil, false
		}
	}
	if object.Len() > 0 {
		return nil, false
	}
	l.at = start
	items, _, ok := l.items("}", depth+1)
	return Array(items), ok
}

func (l *literal) key() (string, bool) {
	if l.at < len(l.text) && (l.text[l.at] == '\'' || l.text[l.at] == '"') {
		if s, ok := l.quoted(); ok {
			return s.(string), true
		}
	}
	return "", false
}

func (l *literal) quoted() (Value, bool) {
	quote := l.text[l.at]
	l.at++
	var out []byte
	for l.at < len(l.text) {
		c := l.text[l.at]
		l.at++
		switch {
		case c == quote:
			return string(out), true
		case c != '\\':
			out = append(out, c)
		default:
			var ok bool
			if out, ok = l.escape(out); !ok {
				return nil, false
			}
		}
	}
	return nil, false
}

func (l *literal) escape(out []byte) ([]byte, bool) {
	if l.at >= len(l.text) {
		return nil, false
	}
	c := l.text[l.at]
	l.at++
	switch c {
	case '\\', '\'', '"':
		return append(out, c), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'x':
		return l.hex(out, 2)
	case 'u':
		return l.hex(out, 4)
	case 'U':
		return l.hex(out, 8)
	}
	return nil, false
}

func (l *literal) hex(out []byte, digits int) ([]byte, bool) {
	if l.at+digits > len(l.text) {
		return nil, false
	}
	r, ok := hexRune(l.text[l.at : l.at+digits])
	l.at += digits
	switch {
	case !ok || r < 0 || r > utf8.MaxRune:
		return nil, false
	case r >= 0xd800 && r < 0xe000:
		return appendSurrogate(out, r), true
	}
	return utf8.AppendRune(out, r), true
}
