package embeddedtest

import (
	"os"
	"testing"
)

// Dir gives an empty directory that goes with the test and that every user may enter, as a data dir should be: as root,
// Postgres runs as another user, and t.TempDir is closed to it.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edrelay-test-dir-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the test's directory: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
