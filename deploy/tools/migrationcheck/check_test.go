package main

import (
	"strings"
	"testing"
)

var known = map[string]bool{"0001_first.sql": true, "0002_this.sql": true}

func faultsOf(t *testing.T, up string) []string {
	t.Helper()
	faults, err := check("0002_this.sql", "-- +goose Up\n"+up+"\n-- +goose Down\nDROP TABLE t;\n", known)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

func TestWhatTheReleaseBeforeStumblesOverIsRefused(t *testing.T) {
	for up, says := range map[string]string{
		"DROP TABLE t;":                                           "line 2: DROP",
		"-- gone\n\nDROP INDEX i;":                                "line 4: DROP",
		"DROP FUNCTION f(int);":                                   "DROP",
		"DROP VIEW IF EXISTS v CASCADE;":                          "DROP",
		"ALTER TABLE t RENAME TO u;":                              "RENAME",
		"ALTER TABLE t RENAME COLUMN a TO b;":                     "RENAME",
		"ALTER INDEX i RENAME TO k;":                              "RENAME",
		"ALTER TYPE e RENAME VALUE 'a' TO 'b';":                   "RENAME VALUE",
		"ALTER TABLE t SET SCHEMA s;":                             "SET SCHEMA",
		"ALTER TABLE t ADD COLUMN a int, DROP COLUMN b;":          "DROP COLUMN b",
		"ALTER TABLE t ALTER COLUMN a TYPE bigint;":               "TYPE of a",
		"ALTER TABLE t ALTER a SET DATA TYPE text USING a::text;": "TYPE of a",
		"ALTER TABLE t ALTER COLUMN a SET NOT NULL;":              "SET NOT NULL on a",
		"ALTER TABLE t ALTER COLUMN a DROP NOT NULL;":             "DROP NOT NULL on a",
		"ALTER TABLE t ALTER COLUMN a DROP DEFAULT;":              "DROP DEFAULT of a",
		"ALTER TABLE t ADD COLUMN a int NOT NULL;":                "without a DEFAULT",
		"ALTER TABLE t ADD COLUMN a int DEFAULT 1 UNIQUE;":        "UNIQUE",
		"ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;": "ADD CONSTRAINT",
		"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u;":         "ADD CONSTRAINT",
		"ALTER TABLE t DROP CONSTRAINT c;":                        "DROP CONSTRAINT",
		"ALTER TABLE t DETACH PARTITION p;":                       "DETACH",
		"CREATE UNIQUE INDEX i ON t (a);":                         "UNIQUE INDEX",
		"TRUNCATE t;":                                             "TRUNCATE",
		"DELETE FROM t WHERE a = 1;":                              "DELETE",
		"-- +goose StatementBegin\nDO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$;\n-- +goose StatementEnd": "DO:",
	} {
		if faults := faultsOf(t, up); len(faults) != 1 || !strings.Contains(faults[0], says) {
			t.Errorf("%s\n\tis %q, want %q", up, faults, says)
		}
	}
}

func TestWhatOnlyAddsIsLetThrough(t *testing.T) {
	for _, up := range []string{
		"CREATE TABLE u (a int PRIMARY KEY); CREATE UNIQUE INDEX i ON u (a); ALTER TABLE u ADD CONSTRAINT c CHECK (a > 0);",
		"CREATE TABLE u AS SELECT 1 AS a; ALTER TABLE u ALTER COLUMN a SET NOT NULL; DELETE FROM u;",
		"CREATE INDEX i ON t (a);",
		"ALTER TABLE t ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b int, ADD COLUMN c bigserial NOT NULL;",
		"ALTER TABLE t ADD COLUMN a bigint GENERATED ALWAYS AS IDENTITY NOT NULL;",
		"ALTER TABLE t ALTER COLUMN a SET DEFAULT 1;",
		"ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.05);",
		"ALTER TYPE e ADD VALUE 'b';",
		"UPDATE t SET a = 1 WHERE a IS NULL;",
		"INSERT INTO t (a) VALUES ('DROP TABLE t');",
		"-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE x; END $$;\n-- +goose StatementEnd",
	} {
		if faults := faultsOf(t, up); len(faults) > 0 {
			t.Errorf("%s\n\tis %q", up, faults)
		}
	}
}

func TestTheOtherHalfNamesWhatItContracts(t *testing.T) {
	for up, says := range map[string]string{
		"-- contracts: 0001_first.sql (nothing reads t since v2)\nDROP TABLE t;":  "",
		"-- contracts: 0001_first.sql\nDROP TABLE t;":                             "why nothing uses it",
		"-- contracts: 0007_never.sql (nothing reads t since v2)\nDROP TABLE t;":  "does not exist",
		"-- contracts: 0002_this.sql (nothing reads t since v2)\nDROP TABLE t;":   "names itself",
		"-- contracts: 0001_first.sql (nothing reads t)\nCREATE TABLE u (a int);": "takes nothing away",
	} {
		faults := faultsOf(t, up)
		if says == "" && len(faults) > 0 || says != "" && (len(faults) != 1 || !strings.Contains(faults[0], says)) {
			t.Errorf("%s\n\tis %q, want %q", up, faults, says)
		}
	}
}

func TestAFileThatIsNoMigrationIsAnError(t *testing.T) {
	for _, text := range []string{"CREATE TABLE t (a int);", "-- +goose Up\nCREATE TABEL t (a int);"} {
		if _, err := check("0002_this.sql", text, known); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
