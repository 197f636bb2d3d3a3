package config

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one settable key of a settings struct.
type field struct {
	key    string
	secret bool
	value  reflect.Value
}

// fields lists the settable keys of a settings struct in their order; embedded structs are read as if their keys stood
// in the outer one.
func fields(target reflect.Value) []field {
	var list []field
	for i := range target.NumField() {
		sort := target.Type().Field(i)
		key, _, _ := strings.Cut(sort.Tag.Get("yaml"), ",")
		switch {
		case sort.Anonymous && key == "":
			list = append(list, fields(target.Field(i))...)
		case key != "" && key != "-" && sort.IsExported():
			list = append(list, field{key: key, secret: sort.Tag.Get("secret") == "true", value: target.Field(i)})
		}
	}
	return list
}

// section tells whether the field holds further keys instead of a value.
func (f field) section() bool {
	_, isText := f.value.Addr().Interface().(encoding.TextUnmarshaler)
	return f.value.Kind() == reflect.Struct && !isText
}

// shape says in words what a value of the field looks like.
func shape(kind reflect.Type) string {
	if kind.Kind() == reflect.Slice {
		return "a list, each " + shape(kind.Elem())
	}
	switch reflect.New(kind).Interface().(type) {
	case *time.Duration:
		return "a duration such as 30s or 24h"
	case *Size:
		return "a size such as 512KiB or 1MiB"
	}
	switch kind.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	default:
		return "a text"
	}
}

// assign sets a single value from its text. The error says the shape wanted and never repeats the text, which may be a
// secret in the wrong place.
func assign(target reflect.Value, text string) error {
	if reader, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return reader.UnmarshalText([]byte(text))
	}
	wrong := fmt.Errorf("%s is wanted", shape(target.Type()))
	if target.Type() == reflect.TypeFor[time.Duration]() {
		span, err := time.ParseDuration(text)
		if err != nil || span < 0 {
			return wrong
		}
		target.SetInt(int64(span))
		return nil
	}
	switch target.Kind() {
	case reflect.String:
		target.SetString(text)
	case reflect.Bool:
		value, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return wrong
		}
		target.SetBool(value)
	case reflect.Int, reflect.Int64:
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || target.OverflowInt(value) {
			return wrong
		}
		target.SetInt(value)
	case reflect.Float64:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return wrong
		}
		target.SetFloat(value)
	default:
		return fmt.Errorf("can't be set from a single value")
	}
	return nil
}

// assignList sets a list from the texts of its entries.
func assignList(target reflect.Value, texts []string) error {
	list := reflect.MakeSlice(target.Type(), len(texts), len(texts))
	for i, text := range texts {
		if err := assign(list.Index(i), text); err != nil {
			return err
		}
	}
	target.Set(list)
	return nil
}

// assignText sets a field from one text, as an environment variable gives it: lists are separated by commas.
func assignText(target reflect.Value, text string) error {
	if target.Kind() != reflect.Slice {
		return assign(target, text)
	}
	var entries []string
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return assignList(target, entries)
}

// assignFile sets a secret from a file: the text without the line end, or one entry a line for a list.
func assignFile(target reflect.Value, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("the file can't be read: %w", err)
	}
	if strings.TrimSpace(string(content)) == "" {
		return errors.New("the file is empty; it holds the secret, on one line")
	}
	if target.Kind() == reflect.Slice {
		return assignList(target, strings.Fields(string(content)))
	}
	return assign(target, strings.TrimRight(string(content), "\r\n"))
}
