package filter

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
)

// Ledger keeps the declarations and the record of calls.
type Ledger interface {
	Filters(ctx context.Context) ([]relay.StoredFilter, error)
	// FiltersVersion grows with every change of a declaration.
	FiltersVersion(ctx context.Context) (int64, error)
	// ChangeFilters puts and removes declarations by name, all or none, and gives the version that has the change.
	ChangeFilters(ctx context.Context, put []relay.StoredFilter, remove []string) (version int64, err error)
	// BeatFilterService says that a process lives and which version it has in force.
	BeatFilterService(ctx context.Context, id string, seen int64) error
	ForgetFilterService(ctx context.Context, id string) error
	// BehindFilterServices counts the processes, silent for less than grace, that have an older version in force.
	BehindFilterServices(ctx context.Context, version int64, grace time.Duration) (int, error)
	RecordFilterCalls(ctx context.Context, calls []relay.FilterCall) error
}

// Bus serves the subjects that questions come in on.
type Bus interface {
	Serve(subject, queue string, answer func(context.Context, relay.Message) relay.Message) (stop func(), err error)
}

// Caller makes the calls; *egress.Client is one.
type Caller interface {
	Do(ctx context.Context, r egress.Request) (*egress.Answer, error)
}

// Sealer keeps URLs with passwords unreadable in the ledger; *sealing.Ring is one.
type Sealer interface {
	Seal(plain []byte, about string) []byte
	Open(sealed []byte, about string) ([]byte, error)
}

// sealedAbout ties sealed URLs to filters.
const sealedAbout = "filter url"
