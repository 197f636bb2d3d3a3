// Package sql holds the ledger's SQL: migrations, queries, and in pgdb what sqlc writes from them.
package sql
