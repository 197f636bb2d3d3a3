package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// mask stands in for every secret that is set.
const mask = "********"

// Show writes the configuration in force as YAML, secrets masked. settings gives, for a source, the pointer to its
// kind's settings struct that Decode can fill; nil when the kind is not known.
func Show(c *Config, settings func(kind string) any) (string, error) {
	tree := masked(reflect.ValueOf(c).Elem())
	var sources []yaml.MapSlice
	for _, source := range c.Sources {
		entry := yaml.MapSlice{{Key: "name", Value: source.Name}, {Key: "kind", Value: source.Kind}}
		if into := settings(source.Kind); into != nil {
			if err := source.Decode(into); err != nil {
				return "", invalid(err)
			}
			entry = append(entry, masked(reflect.ValueOf(into).Elem())...)
		}
		sources = append(sources, entry)
	}
	tree = append(tree, yaml.MapItem{Key: "sources", Value: sources})
	text, err := yaml.MarshalWithOptions(tree, yaml.Indent(2), yaml.IndentSequence(true))
	return string(text), err
}

func masked(target reflect.Value) yaml.MapSlice {
	var tree yaml.MapSlice
	for _, f := range fields(target) {
		var value any
		switch {
		case f.section():
			value = masked(f.value)
		case f.secret && f.value.Kind() == reflect.Slice:
			value = strings.Fields(strings.Repeat(mask+" ", f.value.Len()))
		case f.secret && f.value.String() != "":
			value = mask
		default:
			value = plain(f.value)
		}
		tree = append(tree, yaml.MapItem{Key: f.key, Value: value})
	}
	return tree
}

// plain turns a value into what a person would write in the file.
func plain(value reflect.Value) any {
	switch typed := value.Interface().(type) {
	case time.Duration:
		return shortDuration(typed)
	case encoding.TextMarshaler:
		text, err := typed.MarshalText()
		if err != nil {
			return fmt.Sprint(typed)
		}
		return string(text)
	}
	if value.Kind() == reflect.Slice {
		list := make([]any, value.Len())
		for i := range list {
			list[i] = plain(value.Index(i))
		}
		return list
	}
	return value.Interface()
}

// shortDuration writes 24h0m0s as 24h.
func shortDuration(span time.Duration) string {
	text := span.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
