// Package bridge carries the Open edX event bus on Redis Streams to the log: entries are read by a consumer group that
// begins at the beginning and is never set back or forth, decoded without a schema registry, and acknowledged to
// Redis only after the log has confirmed them. What can't be decoded is parked with its bytes and reason.
package bridge
