package embeddedtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// skewed shadows the functions by which Postgres tells the time with ones that are off by the seconds of a table.
const skewed = `
CREATE SCHEMA skewed;
CREATE TABLE skewed.by (seconds float8 NOT NULL);
INSERT INTO skewed.by VALUES (0);
CREATE FUNCTION skewed.now() RETURNS timestamptz STABLE LANGUAGE sql
    AS 'SELECT pg_catalog.now() + pg_catalog.make_interval(secs => (SELECT seconds FROM skewed.by))';
CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
    AS 'SELECT pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => (SELECT seconds FROM skewed.by))'`

// SkewedPostgres is Postgres with a clock that the test sets: jump has it ahead of this machine's by so much, or behind
// it when by is negative. To edrelay it is the same whether its own clock jumps or Postgres' does.
func SkewedPostgres(t testing.TB) (url string, jump func(by time.Duration)) {
	t.Helper()
	plain := Postgres(t)
	execute := func(statement string, args ...any) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, plain)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	execute(skewed)
	return plain + "&search_path=public,skewed,pg_catalog", func(by time.Duration) {
		t.Helper()
		execute("UPDATE skewed.by SET seconds = $1", by.Seconds())
	}
}
