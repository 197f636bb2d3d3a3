// Package sql holds the ledger's SQL: migrations, queries, and in pgdb what sqlc writes from them.
package sql

import "embed"

// Migrations are the goose migrations, in the folder "migrations". Numbers are given in ranges, one range for each
// domain, so that domains grow without waiting for one another.
//
// A migration adds and takes nothing away: no DROP, RENAME, TYPE or SET NOT NULL on the way up, no new constraint on a
// table in use, because the release before works beside this one. `make lint` holds them to it (deploy/tools/migrationcheck).
// What has to go goes in a later release, in a migration of its own that says which one it is the other half of:
//
//	-- contracts: 0093_filters_in_force.sql (nothing reads filters.kind since v1.4)
//
//go:embed migrations/*.sql
var Migrations embed.FS
