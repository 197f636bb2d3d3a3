package relay

import "time"

// Event is something that happened in Open edX or in edrelay, as operators see it.
type Event struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Source   string    `json:"source"`
	Time     time.Time `json:"time"`
	Sequence uint64    `json:"sequence"`
	Subject  string    `json:"subject"`
}

// Headers of an Open edX event beside the CloudEvents attributes.
const (
	HeaderMinorVersion = "ce-minorversion" // decimal text
	HeaderSourceHost   = "ce-sourcehost"
	HeaderSourceLib    = "ce-sourcelib" // dotted, "10.5.0"
)
