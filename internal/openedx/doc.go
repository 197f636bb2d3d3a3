// Package openedx knows the events and filters of Open edX: the catalogue of types, data classes and layouts by
// release, what the openedx-webhooks plugin posts and what its subscribers expect, and the Avro of the event bus.
//
// An event on the log is canonical: UTF-8 JSON with exactly one top-level key, the data key of the signal; times are
// RFC 3339 with a "T", naive ones stay naive; numbers keep their source text. The metadata is in the headers.
package openedx
