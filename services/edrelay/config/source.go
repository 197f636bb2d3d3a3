package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// sourceName is what a source may be called: it becomes a NATS subject token and part of a URL.
var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// declaration is a source of the file before its kind has read its settings.
type declaration struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`
	node ast.Node
	path string
}

func (d *decoder) sources(root ast.Node, kinds []string) []declaration {
	values, _ := entries(root)
	var list []declaration
	for _, entry := range values {
		if entry.Key.GetToken().Value != "sources" || entry.Value == nil || entry.Value.Type() == ast.NullType {
			continue
		}
		sequence, ok := entry.Value.(*ast.SequenceNode)
		if !ok {
			d.problem(entry, "sources", "a list of sources is wanted")
			return nil
		}
		for i, node := range sequence.Values {
			list = append(list, d.source(node, fmt.Sprintf("sources[%d]", i), kinds, list))
		}
	}
	return list
}

func (d *decoder) source(node ast.Node, path string, kinds []string, before []declaration) declaration {
	one := declaration{node: node, path: path}
	d.note(node, path)
	d.mapping(node, path, reflect.ValueOf(&one).Elem(), func(string) bool { return true })
	if one.Name == "" {
		one.Name = one.Kind
	}
	wrong := func(key, format string, args ...any) {
		key = path + "." + key
		d.problems = append(d.problems, fmt.Errorf("%s%s: %s", d.place(nil, "", key), key, fmt.Sprintf(format, args...)))
	}
	switch {
	case one.Kind == "":
		wrong("kind", "is missing; one of %s is wanted", strings.Join(kinds, ", "))
	case !slices.Contains(kinds, one.Kind):
		wrong("kind", "unknown kind; one of %s is wanted", strings.Join(kinds, ", "))
	case !sourceName.MatchString(one.Name):
		wrong("name", "1 to 63 characters of a-z, 0-9, - and _ are wanted, the first a letter or digit")
	case slices.ContainsFunc(before, func(other declaration) bool { return other.Name == one.Name }):
		wrong("name", "%s stands twice; every source has a name of its own", one.Name)
	}
	return one
}

// sources makes the sources of file and environment. Variables EDRELAY_<KIND>_<KEY> go to the source that is named
// after the kind, or to the only one of the kind; where there is none they make one.
func (v *variables) sources(declared []declaration, kinds []string, file string) []Source {
	var list []Source
	for _, one := range declared {
		env := v
		if !one.takesEnvironment(declared) {
			env = nil
		}
		list = append(list, one.source(env, file))
	}
	for _, kind := range kinds {
		ofKind := func(one declaration) bool { return one.Kind == kind && one.takesEnvironment(declared) }
		if v.mentions(kind) && !slices.ContainsFunc(declared, ofKind) {
			list = append(list, declaration{Name: kind, Kind: kind}.source(v, file))
		}
	}
	return list
}

func (one declaration) takesEnvironment(declared []declaration) bool {
	same := 0
	for _, other := range declared {
		if other.Kind == one.Kind {
			same++
		}
	}
	return one.Name == one.Kind || same == 1
}

func (v *variables) mentions(kind string) bool {
	for name, value := range v.values {
		if value != "" && strings.HasPrefix(name, prefix+strings.ToUpper(kind)+"_") {
			return true
		}
	}
	return false
}

func (one declaration) source(env *variables, file string) Source {
	known := func(key string) bool { return key == "name" || key == "kind" }
	kindVariables := prefix + strings.ToUpper(one.Kind)
	return Source{Name: one.Name, Kind: one.Kind, Decode: func(into any) error {
		target := reflect.ValueOf(into)
		if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
			return fmt.Errorf("settings of source %s: a pointer to a struct is wanted", one.Name)
		}
		d := &decoder{file: file}
		d.mapping(one.node, one.path, target.Elem(), known)
		if env != nil {
			env.apply(target.Elem(), kindVariables, d)
		}
		return d.err()
	}, locate: func(key string) string {
		d, path := one.lines(file), join(one.path, key)
		place := d.place(env, kindVariables+"_"+strings.ToUpper(key), path)
		if one.path == "" {
			return place + "source " + one.Name + ": "
		}
		return place + one.path + "."
	}}
}

// lines tells where the keys of a source stand.
func (one declaration) lines(file string) *decoder {
	d := &decoder{file: file}
	d.note(one.node, one.path)
	values, _ := entries(one.node)
	for _, entry := range values {
		d.note(entry.Key, join(one.path, entry.Key.GetToken().Value))
	}
	return d
}
