// Package sql holds the ledger's SQL: migrations, queries, and in pgdb what sqlc writes from them.
package sql

import "embed"

// Migrations are the goose migrations, in the folder "migrations". Numbers are given in ranges, one range for each
// domain, so that domains grow without waiting for one another.
//
//go:embed migrations/*.sql
var Migrations embed.FS
