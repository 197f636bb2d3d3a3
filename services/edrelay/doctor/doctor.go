// Package doctor tests everything that a configuration names: log, ledger, Open edX, event bus, the running edrelay and
// the clock. It changes nothing and says what to do about what it finds.
package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// State is how a finding stands.
type State string

// The states of a finding.
const (
	Good    State = "ok"
	Warning State = "warning" // edrelay works, and something of it will not
	Bad     State = "failed"
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"` // what to do; "" when there is nothing to do
}

// Patient is what is examined.
type Patient struct {
	Config *config.Config
	Admin  string // address of the running edrelay's admin listener
	Now    func() time.Time
}

const checkTimeout = 20 * time.Second

// Examine runs all checks at once and gives their findings in a fixed order.
func Examine(ctx context.Context, p Patient) []Finding {
	checks := []func(context.Context, Patient) []Finding{sources, running, disk, natsServer, postgres, openEdX, redisBus}
	found := make([][]Finding, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			found[i] = check(ctx, p)
		})
	}
	wg.Wait()
	var all []Finding
	for _, each := range found {
		all = append(all, each...)
	}
	return all
}

func good(check, detail string) Finding { return Finding{Check: check, State: Good, Detail: detail} }

func warning(check, detail, hint string) Finding {
	return Finding{Check: check, State: Warning, Detail: detail, Hint: hint}
}

func bad(check, detail, hint string) Finding {
	return Finding{Check: check, State: Bad, Detail: detail, Hint: hint}
}

// broken is a finding made of an error; hint counts when the error has none of its own.
func broken(check string, err error, hint string) Finding {
	detail := relay.PublicMessage(err)
	for {
		known, ok := err.(*relay.Error)
		if ok && known.Hint != "" {
			return bad(check, detail, known.Hint)
		}
		wrapped, more := err.(interface{ Unwrap() error })
		if !more {
			return bad(check, detail, hint)
		}
		err = wrapped.Unwrap()
	}
}
