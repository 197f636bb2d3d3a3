package relay

import "time"

// Token is a bearer token that edrelay gave out; its text is known to its holder only.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Staff     bool       `json:"staff"`
	Client    string     `json:"client,omitempty"` // client_id that it was given to; "" when made by an operator
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	UsedAt    *time.Time `json:"used_at"` // to the minute
}

// Client may ask the token endpoint for tokens; its secrets are known to it only.
type Client struct {
	ID        string    `json:"client_id"`
	Name      string    `json:"name"`
	Staff     bool      `json:"staff"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
}
