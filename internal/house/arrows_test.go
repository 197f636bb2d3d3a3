package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const root = "github.com/edrelay/edrelay/"

// pure packages compute; every package may import them.
var pure = []string{
	"internal/relay", "internal/openedx", "internal/webfilter", "internal/pyjson", "internal/egress", "internal/signing", "internal/sealing", "internal/subscription", "internal/linger", "internal/traffic",
}

// arrows says which packages of this project a package may import, beside the pure ones and its own rooms. The longest
// matching name counts.
var arrows = map[string][]string{
	"internal/relay":   {},
	"internal/openedx": {"internal/pyjson"},
	"internal/bus":     {},
	"internal/store":   {"sql", "sql/pgdb"},
	// ledgers for the tests of others
	"internal/store/storetest": {"internal/store", "internal/embedded"},
	"internal/natsauth":        {},
	"internal/telemetry":       {},
	"internal/embedded":        {"internal/natsauth"},
	"sql":                      {},
	"services/ingress":         {"internal/telemetry"},
	"services/enroller":        {"internal/telemetry"},
	"services/notifier":        {"internal/telemetry"},
	"services/bridge":          {"internal/telemetry"},
	"services/console":         {},
	"services/lmssim":          {},
	"services/replay":          {"internal/telemetry"},
	"services/learner":         {},
	// main wires everything.
	"services/edrelay": {"internal", "services", "sql"},
}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", root+"internal/...", root+"services/...", root+"sql/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, one)
	}
}

func within(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func rule(name string) (room string, allowed []string, known bool) {
	for folder, list := range arrows {
		if within(name, folder) && len(folder) > len(room) {
			room, allowed, known = folder, list, true
		}
	}
	return room, allowed, known
}

func mayImport(name, imported string) error {
	if imported == "internal/relay" || slices.Contains(pure, name) && slices.Contains(pure, imported) && name != "internal/relay" {
		return nil
	}
	room, allowed, known := rule(name)
	if known && within(imported, room) {
		return nil
	}
	if name != "internal/relay" && slices.ContainsFunc(pure, func(p string) bool { return within(imported, p) }) {
		return nil
	}
	if known && slices.ContainsFunc(allowed, func(folder string) bool { return within(imported, folder) }) {
		return nil
	}
	return fmt.Errorf("%s imports %s: no arrow goes there", name, imported)
}

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	list := packages(t)
	if len(list) < 5 {
		t.Fatalf("only %d packages seen", len(list))
	}
	for _, one := range list {
		name := strings.TrimPrefix(one.ImportPath, root)
		for _, path := range one.Imports {
			imported, ours := strings.CutPrefix(path, root)
			if !ours {
				if name == "internal/relay" && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
					t.Errorf("internal/relay imports %s: the vocabulary imports only the standard library", path)
				}
				continue
			}
			if err := mayImport(name, imported); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOnlyTheStoreImportsGeneratedQueries(t *testing.T) {
	t.Parallel()
	for _, one := range packages(t) {
		name := strings.TrimPrefix(one.ImportPath, root)
		imports := slices.Concat(one.Imports, one.TestImports, one.XTestImports)
		if slices.Contains(imports, root+"sql/pgdb") && !within(name, "internal/store") {
			t.Errorf("%s imports sql/pgdb: only internal/store may", name)
		}
	}
}

func TestNoFolderIsNamedAfterNothing(t *testing.T) {
	t.Parallel()
	nothing := []string{"util", "utils", "common", "helper", "helpers", "misc", "model", "models", "types", "shared", "core", "lib"}
	for _, one := range packages(t) {
		for part := range strings.SplitSeq(strings.TrimPrefix(one.ImportPath, root), "/") {
			if slices.Contains(nothing, part) {
				t.Errorf("%s: %q names no thing of the domain", one.ImportPath, part)
			}
		}
	}
}

func TestTheArrowsRefuseWhatTheyShould(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"services/ingress", "services/enroller"}, {"services/ingress", "internal/bus"}, {"services/console", "internal/store"},
		{"internal/bus", "internal/store"}, {"internal/relay", "internal/openedx"}, {"internal/store", "services/console"},
	} {
		if mayImport(pair[0], pair[1]) == nil {
			t.Errorf("%s may import %s", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"services/ingress/source/shopify", "services/ingress/source"}, {"services/ingress", "internal/relay"},
		{"services/edrelay/command", "services/ingress"}, {"internal/store", "sql/pgdb"},
	} {
		if err := mayImport(pair[0], pair[1]); err != nil {
			t.Error(err)
		}
	}
}
