package source

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
)

// Tokens keeps bearer tokens and the clients that may fetch them, by the SHA-256 of their text.
type Tokens interface {
	// TokenByHash gives a token whatever its state; relay.ErrNotFound when there is none.
	TokenByHash(ctx context.Context, hash []byte) (relay.Token, error)
	// ClientBySecret gives a client, disabled or not; relay.ErrNotFound when no client has this secret.
	ClientBySecret(ctx context.Context, id string, hash []byte) (relay.Client, error)
	CreateToken(ctx context.Context, token relay.Token, hash []byte) error
}

// Roster keeps edrelay's own record of who is in which course run.
type Roster interface {
	// Enroll puts a person into a course run. A *relay.RosterUnknown says that the person or the course run is not
	// known; the request is listed as pending then. Concurrent calls for one pair leave one record.
	Enroll(ctx context.Context, r relay.RosterRequest) (relay.RosterEntry, error)
}
