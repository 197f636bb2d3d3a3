package relay

import "time"

// NATSUser is a service that reads events from NATS with credentials of its own.
type NATSUser struct {
	Name        string     `json:"name"`
	Allow       []string   `json:"allow"` // subjects, e.g. "events.org.openedx.learning.>"
	InboxPrefix string     `json:"inbox_prefix"`
	State       TokenState `json:"state"` // active or revoked
	CreatedAt   time.Time  `json:"created_at"`
	RevokedAt   *time.Time `json:"revoked_at,omitempty"`
}

// NATSCredentials are what a new NATSUser is given, once.
type NATSCredentials struct {
	Name        string `json:"name"`
	InboxPrefix string `json:"inbox_prefix"` // the client must use it; the default prefix is refused
	Creds       string `json:"creds"`        // text of a .creds file
}

// NATSUserQuery chooses NATS users; an empty state chooses all. Newest first.
type NATSUserQuery struct {
	Page
	State TokenState
}
