package relay

import "time"

// Role is what an operator may do on the admin listener.
type Role string

// The roles, each with all of the one before.
const (
	RoleViewer   Role = "viewer"   // read
	RoleOperator Role = "operator" // retry, replay, pause, subscriptions, filters
	RoleAdmin    Role = "admin"    // keys, tokens, roster, NATS users, learner forget
)

// Allows tells whether an operator of this role may do what needs the other.
func (r Role) Allows(needed Role) bool { return r.rank() >= needed.rank() && r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case RoleViewer:
		return 1
	case RoleOperator:
		return 2
	case RoleAdmin:
		return 3
	}
	return 0
}

// Operator is who is asking on the admin listener.
type Operator struct {
	Name string // name of the API key, or "admin" for the admin token
	Role Role
}

// APIKey is a key of the admin listener. The key itself is shown once; the ledger holds its SHA-256.
type APIKey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      Role       `json:"role"`
	State     TokenState `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// StateAt gives the key's state at a time.
func (k APIKey) StateAt(now time.Time) TokenState {
	switch {
	case k.RevokedAt != nil:
		return TokenRevoked
	case k.ExpiresAt != nil && !k.ExpiresAt.After(now):
		return TokenExpired
	}
	return TokenActive
}

// APIKeyQuery chooses API keys; an empty state chooses all. Newest first.
type APIKeyQuery struct {
	Page
	State TokenState
}

// AuditEntry is one thing that an operator did, or that somebody was refused.
type AuditEntry struct {
	ID     int64             `json:"id"`
	At     time.Time         `json:"at"`
	Who    string            `json:"who"`    // name of the key, "admin", or "unknown"
	Role   Role              `json:"role"`   // "" for who did not get in
	Action string            `json:"action"` // method and route, e.g. "POST /api/v1/enrollments/{id}/retry"
	Target string            `json:"target"` // what it was done to, e.g. the id in the path
	State  AuditState        `json:"state"`
	Status int               `json:"status"` // HTTP status answered
	Detail map[string]string `json:"detail,omitempty"`
}

// AuditState is what came of an attempt.
type AuditState string

// What can come of an attempt.
const (
	AuditDone    AuditState = "done"
	AuditRefused AuditState = "refused" // 401: nobody knows who it was; 403: their role is too small
	AuditFailed  AuditState = "failed"
)

// AuditStateOf gives the state of an HTTP status.
func AuditStateOf(status int) AuditState {
	switch {
	case status == 401 || status == 403:
		return AuditRefused
	case status >= 400:
		return AuditFailed
	}
	return AuditDone
}

// AuditQuery chooses audit entries; empty fields choose all. Sorted by ID.
type AuditQuery struct {
	Page
	Who    string
	Action string
	Target string
	State  AuditState
	Since  time.Time
	Until  time.Time
}

// Source is a configured sender of webhooks, as operators see it; secrets stay in the configuration.
type Source struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	State    string            `json:"state"`    // "ready", or why it can't be used
	Paths    []string          `json:"paths"`    // the door's paths that lead to it
	Secrets  int               `json:"secrets"`  // how many are accepted, two while rotating
	Settings map[string]string `json:"settings"` // the rest of its configuration
}

// SourceTest is what came of a signed test webhook.
type SourceTest struct {
	Source     string `json:"source"`
	URL        string `json:"url"`    // where it was posted
	Status     int    `json:"status"` // what the door answered
	Answer     string `json:"answer"` // at most 1 KiB
	DurationMS int64  `json:"duration_ms"`
	OK         bool   `json:"ok"`
}

// LogEntry is one message of the log with its payload, as operators see it.
type LogEntry struct {
	Stream      string            `json:"stream"`
	Sequence    uint64            `json:"sequence"`
	Subject     string            `json:"subject"`
	ID          string            `json:"id"`
	Type        string            `json:"type"`
	Source      string            `json:"source"`
	Time        time.Time         `json:"time"`
	StoredAt    time.Time         `json:"stored_at"`
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	Encoding    string            `json:"encoding"` // "utf-8", or "base64" when the body is not text
}
