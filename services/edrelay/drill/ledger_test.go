package drill

import (
	"path/filepath"
	"testing"

	"github.com/edrelay/edrelay/internal/embedded"
)

// ownLedger is a Postgres that a test may end and start again on the same data.
type ownLedger struct {
	*embedded.Postgres
	t   testing.TB
	dir string
}

func newLedger(t testing.TB) *ownLedger {
	t.Helper()
	l := &ownLedger{t: t, dir: filepath.Join(openDir(t), "postgres")}
	l.start()
	t.Cleanup(func() { l.Shutdown() })
	return l
}

// start starts the server, anew after a Shutdown; its URL stays.
func (l *ownLedger) start() {
	l.t.Helper()
	server, err := embedded.StartPostgres(l.t.Context(), embedded.PostgresConfig{Dir: l.dir})
	if err != nil {
		l.t.Fatal(err)
	}
	l.Postgres = server
}
