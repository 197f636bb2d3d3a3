// Package telemetry makes spans of OpenTelemetry and sends them to a collector over OTLP/HTTP. A nil *Tracer and a nil
// *Span do nothing and allocate nothing, so services are written once, whether traces are wanted or not. A collector that is
// slow or away holds nothing up: what does not fit into a bounded queue is dropped and counted.
//
// Spans carry what the semantic conventions name and what edrelay's own words are for it: never an address of a learner, a
// query, a secret or a body.
package telemetry
