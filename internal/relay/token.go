package relay

import "time"

// TokenState says whether a bearer token opens anything.
type TokenState string

// The states of a token.
const (
	TokenActive  TokenState = "active"
	TokenExpired TokenState = "expired"
	TokenRevoked TokenState = "revoked" // by an operator, or because its client is disabled
)

// Token is a bearer token that edrelay gave out. Its text is shown once; the ledger holds its SHA-256.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Staff     bool       `json:"staff"`
	State     TokenState `json:"state"`
	ClientID  string     `json:"client_id"` // of the client that fetched it; "" when an operator made it
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	UsedAt    *time.Time `json:"used_at"` // to the minute
}

// StateAt gives the token's state at a time.
func (t Token) StateAt(now time.Time) TokenState {
	switch {
	case t.RevokedAt != nil:
		return TokenRevoked
	case !now.Before(t.ExpiresAt):
		return TokenExpired
	}
	return TokenActive
}

// Client fetches tokens from the token endpoint. Its secret is shown once; the ledger holds its SHA-256.
type Client struct {
	ID         string     `json:"client_id"`
	Name       string     `json:"name"`
	Staff      bool       `json:"staff"`
	State      string     `json:"state"` // active or disabled
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at"`
}

// TokenQuery chooses tokens or clients; an empty State chooses all. Sorted by CreatedAt, ID.
type TokenQuery struct {
	Page
	State string
}
