package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/joho/godotenv"

	"github.com/edrelay/edrelay/internal/relay"
)

// prefix stands before every environment variable of edrelay.
const prefix = "EDRELAY_"

// Options say where to read from.
type Options struct {
	File        string   // path of the YAML file; "" for none
	Dotenv      string   // path of a .env file; may not exist
	Environment []string // as os.Environ gives it
	Kinds       []string // the kinds of sources that exist
}

// Load reads the configuration. The error is a relay.Error with code invalid that lists everything wrong, one line each.
// Unknown environment variables are given back as warnings, since the surroundings may set some by themselves.
func Load(options Options) (loaded *Config, warnings []string, err error) {
	env, err := environment(options)
	if err != nil {
		return nil, nil, invalid(err)
	}
	config := Default()
	d := &decoder{file: options.File}
	var declared []declaration
	if options.File != "" {
		root, err := parse(options.File)
		if err != nil {
			return nil, nil, invalid(err)
		}
		d.mapping(root, "", reflect.ValueOf(config).Elem(), func(key string) bool { return key == "sources" })
		declared = d.sources(root, options.Kinds)
	}
	env.apply(reflect.ValueOf(config).Elem(), strings.TrimSuffix(prefix, "_"), d)
	config.Sources = env.sources(declared, options.Kinds, d.file)
	d.check(config, env)
	if err := d.err(); err != nil {
		return nil, nil, invalid(err)
	}
	return config, env.unused(options.Kinds), nil
}

func invalid(err error) error {
	return &relay.Error{
		Code: relay.CodeInvalid, Message: "The configuration is wrong.\n" + err.Error(),
		Hint: "Mend it and try again; `edrelay config check` tells whether it is right.",
	}
}

// yamlPosition is how the parser says line and column.
var yamlPosition = regexp.MustCompile(`^\[(\d+):\d+\] `)

func parse(name string) (ast.Node, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the configuration file can't be read: %w", err)
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		text := strings.TrimSpace(yaml.FormatError(err, false, false))
		return nil, fmt.Errorf("%s:%s", name, yamlPosition.ReplaceAllString(text, "$1: "))
	}
	switch {
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return nil, nil
	case len(file.Docs) > 1:
		return nil, fmt.Errorf("%s: one YAML document is wanted, not %d", name, len(file.Docs))
	}
	return file.Docs[0].Body, nil
}

// variables are the environment's settings; used marks those that somebody read.
type variables struct {
	values map[string]string
	used   map[string]bool
	file   string         // the .env file
	dotenv map[string]int // lines of those that it set
}

func environment(options Options) (*variables, error) {
	env := &variables{values: map[string]string{}, used: map[string]bool{}, file: options.Dotenv}
	if options.Dotenv != "" {
		values, err := godotenv.Read(options.Dotenv)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s can't be read as KEY=value lines", options.Dotenv)
		}
		env.dotenv = readDotenvLines(options.Dotenv)
		for name, value := range values {
			if strings.HasPrefix(name, prefix) {
				env.values[name] = value
			}
		}
	}
	for _, pair := range options.Environment {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, prefix) {
			env.values[name] = value
			delete(env.dotenv, name)
		}
	}
	return env, nil
}

func (v *variables) take(name string) (string, bool) {
	value, ok := v.values[name]
	if ok {
		v.used[name] = true
	}
	return value, ok
}

// apply sets the fields of a settings struct that the environment names; it tells whether there was any.
func (v *variables) apply(target reflect.Value, path string, d *decoder) (any bool) {
	report := func(name string, err error) {
		any = true
		if err != nil {
			d.problems = append(d.problems, fmt.Errorf("%s%w", v.place(name), err))
		}
	}
	for _, f := range fields(target) {
		name := path + "_" + strings.ToUpper(f.key)
		if f.section() {
			any = v.apply(f.value, name, d) || any
			continue
		}
		if text, ok := v.take(name); ok {
			report(name, assignText(f.value, text))
		}
		if !f.secret {
			continue
		}
		if file, ok := v.take(name + "_FILE"); ok {
			report(name+"_FILE", assignFile(f.value, file))
		}
		if single, isList := strings.CutSuffix(name, "S"); isList && f.value.Kind() == reflect.Slice {
			if text, ok := v.take(single); ok {
				report(single, assignList(f.value, []string{text}))
			}
			if file, ok := v.take(single + "_FILE"); ok {
				report(single+"_FILE", assignFile(f.value, file))
			}
		}
	}
	return any
}

// unused lists variables that no setting has. A variable of a source's kind is read when its source is made, so
// those are known only by their kind here.
func (v *variables) unused(kinds []string) []string {
	var names []string
	for name := range v.values {
		rest := strings.ToLower(strings.TrimPrefix(name, prefix))
		ofKind := slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(rest, kind+"_") })
		if !v.used[name] && !ofKind && !commandVariables[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// commandVariables are read by the command line itself.
var commandVariables = map[string]bool{
	"EDRELAY_CONFIG": true, "EDRELAY_SERVER": true, "EDRELAY_TOKEN": true, "EDRELAY_OUTPUT": true,
}
