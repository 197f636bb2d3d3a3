// Package assembly puts edrelay together: it opens the log and the ledger, embedded or elsewhere, makes each service
// of the configuration with the adapters it needs, runs them, and ends all of it in the right order.
package assembly
