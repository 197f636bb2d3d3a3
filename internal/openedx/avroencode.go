package openedx

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/edrelay/edrelay/internal/pyjson"
)

// appendAvro writes a value as schemaless Avro. Fields that the layout does not have are an error, missing optional
// ones are null.
func appendAvro(dst []byte, v pyjson.Value, l *layout) ([]byte, error) {
	if l.optional {
		if v == nil {
			return append(dst, 0), nil
		}
		dst = append(dst, 2)
	}
	switch v := v.(type) {
	case string:
		if l.kind == KindText || l.kind == KindTime {
			return appendAvroText(dst, v), nil
		}
	case bool:
		if l.kind == KindBool {
			if v {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		}
	case pyjson.Number:
		return appendAvroNumber(dst, v, l)
	case pyjson.Array:
		if l.kind == KindList {
			return appendAvroList(dst, v, l)
		}
	case *pyjson.Object:
		switch l.kind {
		case KindClass:
			return appendAvroRecord(dst, v, l)
		case KindDict:
			return appendAvroDict(dst, v, l)
		}
	}
	return nil, fmt.Errorf("a value of another type than %s", l.name)
}

func appendAvroText(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

func appendAvroNumber(dst []byte, n pyjson.Number, l *layout) ([]byte, error) {
	switch l.kind {
	case KindInt:
		if i, ok := n.Int64(); ok {
			return binary.AppendVarint(dst, i), nil
		}
	case KindFloat:
		if f, err := strconv.ParseFloat(string(n), 64); err == nil {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
		}
	}
	return nil, fmt.Errorf("a number that is no %s", l.name)
}

func appendAvroRecord(dst []byte, o *pyjson.Object, l *layout) ([]byte, error) {
	known := 0
	for _, f := range l.fields {
		v, ok := o.Get(f.name)
		if ok {
			known++
		} else if !f.optional {
			return nil, fmt.Errorf("%s is missing", f.name)
		}
		var err error
		if dst, err = appendAvro(dst, v, f.layout); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if known != o.Len() {
		return nil, fmt.Errorf("%s has further fields", l.name)
	}
	return dst, nil
}

func appendAvroList(dst []byte, list pyjson.Array, l *layout) ([]byte, error) {
	if len(list) > 0 {
		dst = binary.AppendVarint(dst, int64(len(list)))
	}
	for _, v := range list {
		var err error
		if dst, err = appendAvro(dst, v, l.elem); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}

func appendAvroDict(dst []byte, o *pyjson.Object, l *layout) ([]byte, error) {
	if o.Len() > 0 {
		dst = binary.AppendVarint(dst, int64(o.Len()))
	}
	for key, v := range o.All() {
		dst = appendAvroText(dst, key)
		var err error
		if dst, err = appendAvro(dst, v, l.elem); err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil
}
