package embeddedtest_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	began := time.Now()
	first, second := embeddedtest.Postgres(t), embeddedtest.Postgres(t)
	t.Logf("two databases in %s", time.Since(began))
	for _, url := range []string{first, second} {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), "create table only_here (id int)"); err != nil {
			t.Errorf("the database is not empty: %v", err)
		}
	}
}
