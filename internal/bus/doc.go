// Package bus is the log of edrelay on NATS JetStream: it makes the streams, writes messages durably and in groups,
// hands them out to consumers, reads single ones back and carries requests and replies. It is the only package
// that talks to NATS.
package bus
