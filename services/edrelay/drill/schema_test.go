package drill

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

func execute(t testing.TB, database, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// A service refuses a ledger that is older than it needs and says what to do; the door, which needs none for its 2xx, opens
// all the same.
func TestAServiceRefusesAnOlderSchemaAndWorksOnANewerOne(t *testing.T) {
	t.Parallel()
	ledger := embeddedtest.Postgres(t)
	s := footing{nats: embeddedtest.NATS(t), ledger: ledger, replicas: 1}.site(t)
	for _, name := range []string{"enroller", "notifier", "console"} {
		out, err := run(t, s.dir, []string{"EDRELAY_ADMIN_ADDR=" + embeddedtest.FreeAddr(t)}, name)
		if err == nil || !strings.Contains(out, "the ledger lacks") || !strings.Contains(out, "edrelay migrate up") {
			t.Errorf("%s on an empty ledger: %v: %s", name, err, out)
		}
	}
	start(t, s.dir, []string{"EDRELAY_ADMIN_ADDR=" + embeddedtest.FreeAddr(t)}, []string{"ingress"})
	await(t, "the door does not open without a schema", 60*time.Second, func() bool { return send(http.DefaultClient, "http://"+s.door, 1) == 200 })
	s.mustCommand("migrate", "up")
	execute(t, ledger, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true); ALTER TABLE subscriptions ADD COLUMN of_a_newer_edrelay text")
	p := &parts{site: s, services: map[string]*process{}}
	console := start(t, s.dir, nil, []string{"console"})
	console.admin = s.admin
	s.ready(console)
	for _, name := range []string{"enroller", "notifier"} {
		service := p.start(name, s.door)
		if !strings.Contains(service.out.String(), "newer than this edrelay") {
			t.Errorf("%s on a newer ledger says nothing of it: %s", name, service.out)
		}
	}
	await(t, "the order is not seen", 60*time.Second, func() bool { return len(rows[struct{}](s, "/enrollments")) == 1 })
}
