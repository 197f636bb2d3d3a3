package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder puts YAML into settings structs and collects what is wrong on the way.
type decoder struct {
	file     string
	lines    map[string]int // where keys stand
	problems []error
}

func (d *decoder) problem(node ast.Node, key, format string, args ...any) {
	place := d.file
	if node != nil && node.GetToken() != nil && node.GetToken().Position != nil {
		place = fmt.Sprintf("%s:%d", d.file, node.GetToken().Position.Line)
	}
	if key != "" {
		key += ": "
	}
	d.problems = append(d.problems, fmt.Errorf("%s: %s%s", place, key, fmt.Sprintf(format, args...)))
}

func (d *decoder) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	return placed{errors.Join(d.problems...)}
}

// entries gives the keys of a mapping in their order; false when the node is none.
func entries(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch typed := node.(type) {
	case *ast.MappingNode:
		return typed.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{typed}, true
	}
	return nil, false
}

// mapping decodes a YAML mapping into a settings struct. path is the key path so far; known says of further keys
// whether somebody else reads them.
func (d *decoder) mapping(node ast.Node, path string, target reflect.Value, known func(key string) bool) {
	if node == nil || node.Type() == ast.NullType {
		return
	}
	values, ok := entries(node)
	if !ok {
		d.problem(node, path, "keys and values are wanted")
		return
	}
	settable := map[string]field{}
	for _, f := range fields(target) {
		settable[f.key] = f
	}
	seen := map[string]bool{}
	for _, entry := range values {
		key := entry.Key.GetToken().Value
		where := join(path, key)
		if seen[key] {
			d.problem(entry, where, "the key stands twice")
			continue
		}
		seen[key] = true
		d.note(entry.Key, where)
		f, ok := settable[key]
		base, isFile := strings.CutSuffix(key, "_file")
		switch {
		case ok:
			d.value(entry.Value, where, f)
		case isFile && settable[base].secret:
			if seen[base] {
				d.problem(entry, where, "%s is given too; give one of the two", join(path, base))
			}
			seen[base] = true
			d.secretFile(entry.Value, where, settable[base])
		case known != nil && known(key):
		default:
			d.problem(entry, where, "unknown key%s", suggestion(key, settable))
		}
	}
}

func (d *decoder) value(node ast.Node, path string, f field) {
	if f.section() {
		d.mapping(node, path, f.value, nil)
		return
	}
	if node == nil || node.Type() == ast.NullType {
		return
	}
	if f.value.Kind() != reflect.Slice {
		text, ok := scalar(node)
		if !ok {
			d.problem(node, path, "%s is wanted", shape(f.value.Type()))
		} else if err := assign(f.value, text); err != nil {
			d.problem(node, path, "%v", err)
		}
		return
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.problem(node, path, "%s is wanted", shape(f.value.Type()))
		return
	}
	texts := make([]string, len(sequence.Values))
	for i, entry := range sequence.Values {
		if texts[i], ok = scalar(entry); !ok {
			d.problem(entry, fmt.Sprintf("%s[%d]", path, i), "%s is wanted", shape(f.value.Type().Elem()))
			return
		}
	}
	if err := assignList(f.value, texts); err != nil {
		d.problem(node, path, "a list is wanted; of each entry: %v", err)
	}
}

func (d *decoder) secretFile(node ast.Node, path string, f field) {
	name, ok := scalar(node)
	if !ok || name == "" {
		d.problem(node, path, "the path of a file is wanted")
	} else if err := assignFile(f.value, name); err != nil {
		d.problem(node, path, "%v", err)
	}
}

// scalar gives the text of a single value as it was written.
func scalar(node ast.Node) (string, bool) {
	switch typed := node.(type) {
	case *ast.StringNode:
		return typed.Value, true
	case *ast.LiteralNode:
		return typed.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, true
	}
	return "", false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// suggestion names a known key that differs by little, for a slip of the hand.
func suggestion(key string, known map[string]field) string {
	plain := func(text string) string {
		return strings.TrimSuffix(strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(text)), "s")
	}
	for candidate := range known {
		if plain(candidate) == plain(key) {
			return fmt.Sprintf("; did you mean %s?", candidate)
		}
	}
	return ""
}
