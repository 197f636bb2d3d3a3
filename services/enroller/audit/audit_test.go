package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/audit"
)

// holey is a log from first to 5 that can't read webhook 3.
type holey struct{ first uint64 }

func (h holey) Range(context.Context) (first, last uint64, created time.Time, err error) {
	return h.first, 5, time.Time{}, nil
}

func (holey) Message(context.Context, string, uint64) (relay.Received, error) {
	return relay.Received{}, relay.ErrNotFound
}

// ledger knows all webhooks but the third.
type ledger struct {
	audit.Ledger
	erased bool
}

func (ledger) EnrollerStatus(context.Context) ([]relay.EnrollerStatus, error) { return nil, nil }

func (ledger) Sequences(_ context.Context, first, last uint64, _ time.Time) (known []uint64, err error) {
	for sequence := first; sequence <= last; sequence++ {
		if sequence != 3 {
			known = append(known, sequence)
		}
	}
	return known, nil
}

func (ledger) Orders(context.Context, relay.OrderKey, int) ([]relay.OrderState, error) {
	return nil, nil
}

func (ledger) WorkAfter(context.Context, int64, int) ([]*relay.Work, error) { return nil, nil }

func (l ledger) ErasedMessage(context.Context, string, uint64) (relay.ErasedMessage, error) {
	if l.erased {
		return relay.ErasedMessage{}, nil
	}
	return relay.ErasedMessage{}, relay.ErrNotFound
}

func TestAWebhookThatTheLogCannotReadAnyMoreIsUnaccountedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		auditor audit.Auditor
		want    int
	}{
		"corrupted":        {audit.Auditor{Log: holey{1}, Ledger: ledger{}}, 1},
		"erased":           {audit.Auditor{Log: holey{1}, Ledger: ledger{erased: true}}, 0},
		"past keeping now": {audit.Auditor{Log: &trimmed{}, Ledger: ledger{}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := c.auditor.Run(t.Context())
			if err != nil || len(found.Differences) != c.want {
				t.Fatalf("%+v, %v", found, err)
			}
			if c.want > 0 && (found.Differences[0].Kind != "webhook_unreadable" || found.Differences[0].Subject != "3" || found.Differences[0].Mend == "") {
				t.Errorf("%+v", found.Differences[0])
			}
		})
	}
}

// trimmed is a log whose oldest go while it is read.
type trimmed struct {
	holey
	asked bool
}

func (l *trimmed) Range(context.Context) (first, last uint64, created time.Time, err error) {
	if l.asked {
		return 4, 5, time.Time{}, nil
	}
	l.asked = true
	return 1, 5, time.Time{}, nil
}
