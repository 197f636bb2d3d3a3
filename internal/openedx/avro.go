package openedx

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/pyjson"
)

// Reason says in one word why an entry of the event bus could not be read; it is the tail of the subject on which
// the entry is parked.
type Reason string

// The reasons.
const (
	ReasonType     Reason = "type"     // no event type, or one that can't be a subject
	ReasonUnknown  Reason = "unknown"  // the catalogue doesn't know the type
	ReasonLayout   Reason = "layout"   // no layout is known for the type in this release
	ReasonMetadata Reason = "metadata" // id, time or another field is malformed
	ReasonAvro     Reason = "avro"     // the bytes don't fit the layout exactly
	ReasonSize     Reason = "size"     // the event is larger than the log takes
	ReasonTrimmed  Reason = "trimmed"  // no entry but a report: Redis dropped entries before they were read
)

// BusError says why an entry of the event bus could not be read. It holds none of the entry's data.
type BusError struct {
	Reason Reason
	Detail string // a short sentence
	Offset int    // in the Avro bytes
}

// Error gives reason and detail.
func (e *BusError) Error() string {
	if e.Reason == ReasonAvro {
		return fmt.Sprintf("%s: %s at byte %d", e.Reason, e.Detail, e.Offset)
	}
	return string(e.Reason) + ": " + e.Detail
}

// decodeAvro reads one schemaless Avro record and appends its JSON; all bytes must be used.
func decodeAvro(dst, data []byte, record *layout) ([]byte, error) {
	d := avroDecoder{data: data, out: dst}
	d.value(record)
	if d.err == nil && d.at != len(data) {
		d.fail("bytes left over")
	}
	if d.err != nil {
		return nil, d.err
	}
	return d.out, nil
}

// avroDecoder writes JSON as it reads. After the first error it reads and writes nothing more.
type avroDecoder struct {
	data []byte
	at   int
	out  []byte
	err  error
}

func (d *avroDecoder) fail(detail string) {
	if d.err == nil {
		d.err = &BusError{Reason: ReasonAvro, Detail: detail, Offset: d.at}
	}
}

func (d *avroDecoder) value(l *layout) {
	if l.optional {
		switch branch := d.long(); {
		case d.err != nil:
			return
		case branch == 0:
			d.out = append(d.out, "null"...)
			return
		case branch != 1:
			d.fail("no such union branch")
			return
		}
	}
	switch l.kind {
	case KindText, KindTime:
		d.out = pyjson.AppendString(d.out, d.text(), pyjson.Style{Unicode: true})
	case KindInt:
		n := d.long()
		d.out = pyjson.Append(d.out, pyjson.Int(n), pyjson.Style{})
	case KindFloat:
		d.out = pyjson.Append(d.out, pyjson.Float(d.double()), pyjson.Style{Finite: true})
	case KindBool:
		d.boolean()
	case KindClass:
		d.record(l)
	case KindList:
		d.array(l)
	case KindDict:
		d.dict(l)
	}
}

func (d *avroDecoder) record(l *layout) {
	d.out = append(d.out, '{')
	for i, f := range l.fields {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		d.out = append(append(append(d.out, '"'), f.name...), '"', ':')
		if d.value(f.layout); d.err != nil {
			return
		}
	}
	d.out = append(d.out, '}')
}

func (d *avroDecoder) array(l *layout) {
	d.out = append(d.out, '[')
	first := true
	d.blocks(func() {
		if !first {
			d.out = append(d.out, ',')
		}
		first = false
		d.value(l.elem)
	})
	d.out = append(d.out, ']')
}

// dict keeps the order of the keys; of a repeated key the last value wins at the place of the first, as in Python.
func (d *avroDecoder) dict(l *layout) {
	values := pyjson.NewObject()
	out := d.out
	d.blocks(func() {
		key := d.text()
		d.out = nil
		d.value(l.elem)
		values.Set(key, string(d.out))
	})
	d.out = append(out, '{')
	first := true
	for key, value := range values.All() {
		if !first {
			d.out = append(d.out, ',')
		}
		first = false
		d.out = append(pyjson.AppendString(d.out, key, pyjson.Style{Unicode: true}), ':')
		d.out = append(d.out, value.(string)...)
	}
	d.out = append(d.out, '}')
}

// blocks reads the blocks of an array or map. Every item takes a byte at least, so a count beyond what is left is
// refused before anything is made of it.
func (d *avroDecoder) blocks(item func()) {
	for d.err == nil {
		count := d.long()
		if count < 0 {
			if size := d.long(); size < 0 || size > int64(len(d.data)-d.at) {
				d.fail("bad block size")
			}
			count = -count
		}
		switch {
		case d.err != nil || count == 0:
			return
		case count < 0 || count > int64(len(d.data)-d.at):
			d.fail("more items than bytes")
			return
		}
		for ; count > 0 && d.err == nil; count-- {
			item()
		}
	}
}

func (d *avroDecoder) long() int64 {
	if d.err != nil {
		return 0
	}
	n, size := binary.Varint(d.data[d.at:])
	if size <= 0 {
		d.fail("bad integer")
		return 0
	}
	d.at += size
	return n
}

func (d *avroDecoder) boolean() {
	switch b := d.take(1); {
	case d.err != nil:
	case b[0] == 0:
		d.out = append(d.out, "false"...)
	case b[0] == 1:
		d.out = append(d.out, "true"...)
	default:
		d.fail("bad boolean")
	}
}

func (d *avroDecoder) double() float64 {
	b := d.take(8)
	if d.err != nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

func (d *avroDecoder) text() string {
	b := d.take(d.long())
	if !utf8.Valid(b) {
		d.fail("invalid UTF-8")
	}
	return string(b)
}

// take gives the next n bytes of the entry, without a copy.
func (d *avroDecoder) take(n int64) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > int64(len(d.data)-d.at) {
		d.fail("length beyond the end")
		return nil
	}
	d.at += int(n)
	return d.data[d.at-int(n) : d.at]
}
