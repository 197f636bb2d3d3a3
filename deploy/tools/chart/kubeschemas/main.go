// Command kubeschemas writes the JSON schemas that kubeconform judges objects by, for it would fetch them from the
// internet. They are made of what Kubernetes and the Prometheus operator publish in their Go modules: the OpenAPI
// documents of the API server and the custom resource definitions. A field that they don't name is refused.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// origin is a module at a version, with the checksum that go.sum would have of it. Kubernetes' own requirements can't
// be resolved from outside, so no go.mod can pin it.
type origin struct {
	module, sum string
	files       string // pattern within it
	kinds       func(text []byte) (map[string]schema, error)
}

var origins = []origin{
	{"k8s.io/kubernetes@v1.37.2", "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=", "api/openapi-spec/v3/*.json", fromOpenAPI},
	{
		"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		"example/prometheus-operator-crd/*.yaml", fromDefinition,
	},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: kubeschemas FOLDER")
		os.Exit(2)
	}
	for _, from := range origins {
		if err := from.write(os.Args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "schemas of %s: %v\n", from.module, err)
			os.Exit(1)
		}
	}
}

func (o origin) write(folder string) error {
	root, err := o.download()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, o.files))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("it has no %s", o.files)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		kinds, err := o.kinds(text)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		if err := save(folder, kinds); err != nil {
			return err
		}
	}
	return nil
}

// download gives the folder of the module in Go's cache.
func (o origin) download() (string, error) {
	command := exec.Command("go", "mod", "download", "-json", o.module)
	command.Dir = os.TempDir() // outside of every module
	command.Stderr = os.Stderr
	out, err := command.Output()
	var got struct{ Dir, Sum, Error string }
	if parse := json.Unmarshal(out, &got); parse != nil && err == nil {
		err = parse
	}
	switch {
	case got.Error != "":
		return "", fmt.Errorf("%s", got.Error)
	case err != nil:
		return "", err
	case got.Sum != o.sum:
		return "", fmt.Errorf("its checksum is %s, not %s", got.Sum, o.sum)
	}
	return got.Dir, nil
}

// save writes each kind under the name that kubeconform asks for.
func save(folder string, kinds map[string]schema) error {
	for name, kind := range kinds {
		text, err := json.Marshal(kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fileName is kubeconform's name of a kind: of the group only the first word.
func fileName(group, version, kind string) string {
	words := []string{kind}
	if group != "" {
		first, _, _ := strings.Cut(group, ".")
		words = append(words, first)
	}
	return strings.ToLower(strings.Join(append(words, version), "-"))
}
