// Package store is the ledger: Postgres, through the queries that sqlc writes. It holds state, never payloads, and
// turns the driver's errors into the vocabulary's once. Every method may be called from many goroutines.
package store
