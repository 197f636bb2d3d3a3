// Command migrationcheck holds the ledger's migrations to "add, never take away": two releases work side by side on the
// newer one's schema while they are rolled out, and a rollback of the binaries needs no rollback of the schema. It parses
// what each file does on the way up with Postgres' own grammar and refuses what the release before may stumble over.
//
// What has to go at last goes in a migration of its own, in a later release, that names what it is the other half of:
//
//	-- contracts: 0093_filters_in_force.sql (nothing reads filters.kind since v1.4)
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: migrationcheck FOLDER")
		os.Exit(2)
	}
	faults, files, err := checkFolder(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "migrationcheck:", err)
		os.Exit(1)
	}
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if len(faults) > 0 {
		fmt.Fprintf(os.Stderr, "migrationcheck: %d faults. Leave what the release before uses and take it away in a later release, by a migration that says\n"+
			"  -- contracts: NAME_OF_THE_EARLIER_MIGRATION.sql (why nothing uses it any more)\nSee docs/durability.md, \"Upgrades\".\n", len(faults))
		os.Exit(1)
	}
	fmt.Printf("migrationcheck: %d migrations add and take nothing away\n", files)
}

func checkFolder(dir string) (faults []string, files int, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(paths) == 0 {
		return nil, 0, fmt.Errorf("no migrations in %s: %w", dir, err)
	}
	known := map[string]bool{}
	for _, path := range paths {
		known[filepath.Base(path)] = true
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, 0, err
		}
		found, err := check(filepath.Base(path), string(text), known)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		for _, fault := range found {
			faults = append(faults, path+": "+fault)
		}
	}
	return faults, len(paths), nil
}
