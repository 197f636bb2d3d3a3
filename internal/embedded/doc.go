// Package embedded runs the two servers that edrelay stands on, inside or under its own process: a NATS server with
// JetStream, and a Postgres found on the machine. `edrelay up`, `edrelay demo` and the tests use it.
package embedded
