package pyjson

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Constants says what becomes of the bare words NaN, Infinity and -Infinity, which Python writes and JSON forbids.
type Constants int

// The ways to take them.
const (
	RejectConstants Constants = iota // a SyntaxError
	NullConstants                    // they become null
	KeepConstants                    // they stay numbers
)

// DecodeOptions bound what a stranger may send. The zero value is strict and safe.
type DecodeOptions struct {
	MaxBytes         int // of the text; 0 means 16 MiB
	MaxDepth         int // of arrays and objects; 0 means 500
	Constants        Constants
	RejectSurrogates bool // a "\ud800" without its other half is a SyntaxError instead of being kept
}

// The bounds of a zero DecodeOptions, and Python's own on the digits of an int.
const (
	defaultMaxBytes = 16 << 20
	defaultMaxDepth = 500
	maxIntDigits    = 4300
)

// SyntaxError says why and where a text is not JSON, in Python's words. It never holds any of the text.
type SyntaxError struct {
	Message string
	Line    int // from 1
	Column  int // from 1, in characters
	Char    int // from 0, in characters
}

// Error reads like Python's JSONDecodeError.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: line %d column %d (char %d)", e.Message, e.Line, e.Column, e.Char)
}

// Decode reads one JSON text as json.loads does: of a repeated key the last value wins at the place of the first,
// numbers keep their text, a byte order mark and invalid UTF-8 are errors. Every error is a *SyntaxError.
func Decode(data []byte, opts DecodeOptions) (Value, error) {
	d := decoder{data: data, opts: opts}
	if d.opts.MaxBytes == 0 {
		d.opts.MaxBytes = defaultMaxBytes
	}
	if d.opts.MaxDepth == 0 {
		d.opts.MaxDepth = defaultMaxDepth
	}
	if len(data) > d.opts.MaxBytes {
		return nil, &SyntaxError{Message: "Text too long", Line: 1, Column: 1}
	}
	if !utf8.Valid(data) {
		return nil, &SyntaxError{Message: "Invalid UTF-8", Line: 1, Column: 1}
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return nil, d.fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
	}
	d.space()
	value, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(data) {
		return nil, d.fail("Extra data", d.at)
	}
	return value, nil
}

// DecodeObject is Decode for a text that must be an object; any other value is a *SyntaxError too.
func DecodeObject(data []byte, opts DecodeOptions) (*Object, error) {
	value, err := Decode(data, opts)
	if err != nil {
		return nil, err
	}
	object, ok := value.(*Object)
	if !ok {
		return nil, &SyntaxError{Message: "Expecting an object", Line: 1, Column: 1}
	}
	return object, nil
}

type decoder struct {
	data []byte
	at   int
	opts DecodeOptions
}

func (d *decoder) fail(message string, at int) error {
	before := d.data[:min(at, len(d.data))]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return &SyntaxError{
		Message: message,
		Line:    bytes.Count(before, []byte{'\n'}) + 1,
		Column:  utf8.RuneCount(before[lineStart:]) + 1,
		Char:    utf8.RuneCount(before),
	}
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) peek() byte {
	if d.at < len(d.data) {
		return d.data[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (Value, error) {
	switch c := d.peek(); c {
	case '"':
		return d.text()
	case '{', '[':
		if depth >= d.opts.MaxDepth {
			return nil, d.fail("Nested too deeply", d.at)
		}
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	}
	for _, w := range [...]word{
		{text: "null"}, {text: "true", value: true}, {text: "false", value: false},
		{"NaN", Number("NaN"), true}, {"Infinity", Number("Infinity"), true}, {"-Infinity", Number("-Infinity"), true},
	} {
		if bytes.HasPrefix(d.data[d.at:], []byte(w.text)) {
			return d.word(w)
		}
	}
	return d.number()
}

type word struct {
	text     string
	value    Value
	constant bool
}

func (d *decoder) word(w word) (Value, error) {
	if w.constant {
		switch d.opts.Constants {
		case RejectConstants:
			return nil, d.fail("Out of range float values are not JSON compliant", d.at)
		case NullConstants:
			w.value = nil
		}
	}
	d.at += len(w.text)
	return w.value, nil
}

func (d *decoder) number() (Value, error) {
	start := d.at
	if d.peek() == '-' {
		d.at++
	}
	whole := d.at
	if d.peek() == '0' {
		d.at++
	} else if d.digits() == 0 {
		d.at = start
		return nil, d.fail("Expecting value", start)
	}
	digits := d.at - whole
	if d.fraction() || digits <= maxIntDigits {
		return Number(d.data[start:d.at]), nil
	}
	return nil, d.fail("Exceeds the limit (4300 digits) for integer string conversion", start)
}

// fraction steps over a fraction and an exponent and tells whether there was one.
func (d *decoder) fraction() bool {
	found := false
	if d.peek() == '.' {
		d.at++
		if d.digits() == 0 {
			d.at--
			return false
		}
		found = true
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		before := d.at
		d.at++
		if c := d.peek(); c == '+' || c == '-' {
			d.at++
		}
		if d.digits() == 0 {
			d.at = before
			return found
		}
		found = true
	}
	return found
}

func (d *decoder) digits() int {
	start := d.at
	for d.at < len(d.data) && d.data[d.at]-'0' <= 9 {
		d.at++
	}
	return d.at - start
}

func (d *decoder) array(depth int) (Value, error) {
	d.at++
	array := Array{}
	if d.space(); d.peek() == ']' {
		d.at++
		return array, nil
	}
	for {
		value, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
		done, err := d.next(']')
		if done || err != nil {
			return array, err
		}
	}
}

func (d *decoder) object(depth int) (Value, error) {
	d.at++
	object := &Object{}
	if d.space(); d.peek() == '}' {
		d.at++
		return object, nil
	}
	for {
		if d.peek() != '"' {
			return nil, d.fail("Expecting property name enclosed in double quotes", d.at)
		}
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		if d.space(); d.peek() != ':' {
			return nil, d.fail("Expecting ':' delimiter", d.at)
		}
		d.at++
		d.space()
		value, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		object.Set(key, value)
		done, err := d.next('}')
		if done || err != nil {
			return object, err
		}
	}
}

// next steps over what follows a member: the end, or a comma and the space behind it.
func (d *decoder) next(end byte) (done bool, err error) {
	d.space()
	switch d.peek() {
	case end:
		d.at++
		return true, nil
	case ',':
		d.at++
		d.space()
		return false, nil
	}
	return false, d.fail("Expecting ',' delimiter", d.at)
}
