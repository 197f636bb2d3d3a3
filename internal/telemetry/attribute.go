package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Attributes of the semantic conventions that edrelay's spans have.
const (
	System      = semconv.MessagingSystemKey
	Destination = semconv.MessagingDestinationNameKey
	MessageID   = semconv.MessagingMessageIDKey
	Operation   = semconv.MessagingOperationTypeKey
	BatchCount  = semconv.MessagingBatchMessageCountKey
	Method      = semconv.HTTPRequestMethodKey
	Route       = semconv.HTTPRouteKey
	Status      = semconv.HTTPResponseStatusCodeKey
	Server      = semconv.ServerAddressKey
	ErrorType   = semconv.ErrorTypeKey
)

// NATS is the value of System.
const NATS = "nats"

// Attributes of edrelay itself.
const (
	Source       attribute.Key = "edrelay.source"
	Topic        attribute.Key = "edrelay.topic"
	Outcome      attribute.Key = "edrelay.outcome"
	Course       attribute.Key = "edrelay.course"
	Action       attribute.Key = "edrelay.action"
	Learners     attribute.Key = "edrelay.learners" // how many
	Subscription attribute.Key = "edrelay.subscription"
	Attempt      attribute.Key = "edrelay.attempt"
	EventType    attribute.Key = "edrelay.event_type"
	Filter       attribute.Key = "edrelay.filter"
	FilterClass  attribute.Key = "edrelay.filter_class"
	Replay       attribute.Key = "edrelay.replay"
	Stream       attribute.Key = "edrelay.stream"
)
