package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The last children of a killed server write to the same log as the one that starts.
func TestWhatClientsAreToldIsNotWhyAServerDidNotStart(t *testing.T) {
	t.Parallel()
	const remnant = "FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use\n"
	for _, told := range []string{"terminating connection due to unexpected postmaster exit", "the database system is starting up"} {
		path := filepath.Join(t.TempDir(), "log")
		log, err := openServerLog(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.file.Close() })
		if err := os.WriteFile(path, []byte(remnant+"2026-01-02 [7] FATAL:  "+told+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := log.failure(); !errors.Is(err, errRemnant) || !strings.Contains(err.Error(), "shared memory") {
			t.Errorf("%q is taken for the reason: %v", told, err)
		}
	}
}
