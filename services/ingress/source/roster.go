package source

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
)

// Tokens knows the bearer tokens that edrelay has given out.
type Tokens interface {
	// Token finds a token by its text. An unknown or revoked one is relay.ErrNotFound.
	Token(ctx context.Context, text string) (relay.Token, error)
}

// Roster knows people and course runs, and keeps edrelay's own enrolment records.
type Roster interface {
	// Enroll puts a person into a course run. A person or course run that is unknown is a relay.RosterUnknown and
	// is listed for the operator. Concurrent calls for the same pair leave one record.
	Enroll(ctx context.Context, r relay.RosterRequest) (relay.RosterEntry, error)
}
