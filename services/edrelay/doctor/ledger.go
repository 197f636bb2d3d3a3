package doctor

import (
	"context"
	"fmt"

	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/services/edrelay/alarm"
)

// postgres tests the ledger at database.url: connection, version, schema. For an embedded one, which only edrelay
// reaches, it looks for the programs.
func postgres(ctx context.Context, p Patient) []Finding {
	if p.Config.Database.URL == "" {
		major, err := embedded.FindPostgres(ctx)
		if err != nil {
			return []Finding{broken("postgres", err, "")}
		}
		return []Finding{good("postgres", fmt.Sprintf("embedded, version %d is installed", major))}
	}
	ledger, err := store.Open(ctx, p.Config.Database.URL)
	if err != nil {
		return []Finding{broken("postgres", err, "is the server of database.url running, and do user and password fit?")}
	}
	defer ledger.Close()
	version, err := ledger.Version(ctx)
	if err != nil {
		return []Finding{broken("postgres", err, "is the server of database.url running?")}
	}
	found := []Finding{good("postgres", fmt.Sprintf("version %d.%d", version/10000, version%10000))}
	ahead, err := ledger.Skew(ctx)
	if err != nil {
		return append(found, broken("postgres clock", err, "is the server of database.url running?"))
	}
	found = append(found, judged(p, alarm.Reading{Postgres: ahead}, good("postgres clock", "agrees with this machine's"))...)
	if err := ledger.CheckMigrated(ctx); err != nil {
		return append(found, broken("postgres schema", err, "run `edrelay migrate up`"))
	}
	found = append(found, good("postgres schema", "up to date"))
	lost, err := ledger.LogLosses(ctx, ledger.Now().Add(-alarm.LossTold))
	if err != nil {
		return append(found, broken("log losses", err, "is the server of database.url running?"))
	}
	return append(found, judged(p, alarm.Reading{Losses: lost})...)
}
