// Package notifier delivers every event of the log to every URL that subscribed to it: signed, at least once, with
// every attempt on record, and so that one bad subscriber harms no other. A subscription is a durable consumer on
// EVENTS; its first attempts come from there, its retries from the ledger.
package notifier
