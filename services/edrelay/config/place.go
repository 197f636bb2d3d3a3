package config

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// placed is an error that says by itself where in the configuration it arose.
type placed struct{ error }

// Unwrap gives the error itself.
func (p placed) Unwrap() error { return p.error }

// note remembers where a key stands in the file.
func (d *decoder) note(node ast.Node, path string) {
	if d.lines == nil {
		d.lines = map[string]int{}
	}
	if node != nil && node.GetToken() != nil && node.GetToken().Position != nil {
		d.lines[path] = node.GetToken().Position.Line
	}
}

// place says where the value of a key came from: the environment, a line of a file, or of a default the line of what it
// belongs to; "" where nothing was said of it.
func (d *decoder) place(env *variables, variable, path string) string {
	if env != nil {
		for _, name := range []string{variable, variable + "_FILE", strings.TrimSuffix(variable, "S"), strings.TrimSuffix(variable, "S") + "_FILE"} {
			if env.used[name] {
				return env.place(name)
			}
		}
	}
	for path != "" {
		for _, key := range []string{path, path + "_file"} {
			if line, ok := d.lines[key]; ok {
				return fmt.Sprintf("%s:%d: ", d.file, line)
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return ""
}

// variableOf names the environment variable of a key path.
func variableOf(path string) string {
	key, _, _ := strings.Cut(path, "[")
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// place says where a variable was set.
func (v *variables) place(name string) string {
	if line := v.dotenv[name]; line > 0 {
		return fmt.Sprintf("%s:%d: %s: ", v.file, line, name)
	}
	return "environment: " + name + ": "
}

// readDotenvLines finds the lines that set variables in a .env file.
func readDotenvLines(name string) map[string]int {
	lines := map[string]int{}
	file, err := os.Open(name)
	if err != nil {
		return lines
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for number := 1; scanner.Scan(); number++ {
		text := strings.TrimPrefix(strings.TrimSpace(scanner.Text()), "export ")
		if key, _, ok := strings.Cut(text, "="); ok {
			lines[strings.TrimSpace(key)] = number
		}
	}
	return lines
}

// Explain says what is wrong with a source's settings, with the key and its place. The error is of Decode, or begins
// with the key of the settings that it is about.
func (s Source) Explain(err error) string {
	if _, ok := errors.AsType[placed](err); ok || s.locate == nil {
		return err.Error()
	}
	key, _, _ := strings.Cut(err.Error(), ":")
	key, _, _ = strings.Cut(key, ",")
	key, _, _ = strings.Cut(key, "[")
	return s.locate(key) + err.Error()
}
