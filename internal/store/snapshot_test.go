package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

// shelf keeps the rows of tables in memory.
type shelf map[string]*bytes.Buffer

type closing struct{ io.Writer }

func (closing) Close() error { return nil }

func (s shelf) create(table string) (io.WriteCloser, error) {
	s[table] = &bytes.Buffer{}
	return closing{s[table]}, nil
}

func (s shelf) open(table string) (io.ReadCloser, error) {
	if s[table] == nil {
		return nil, errors.New("not kept")
	}
	return io.NopCloser(bytes.NewReader(s[table].Bytes())), nil
}

// filled is a ledger with rows in ordinary and partitioned tables, old and new.
func filled(t *testing.T) *store.Store {
	t.Helper()
	s := storetest.Open(t)
	now := time.Now().UTC()
	var rows []relay.Webhook
	for i := range 20 {
		at := now.Add(-time.Duration(i*5*24) * time.Hour) // the oldest is past keeping
		rows = append(rows, relay.Webhook{ID: fmt.Sprint("w", i), Source: "shop", Topic: "orders/create", ReceivedAt: at,
			State: relay.WebhookDone, Sequence: uint64(i + 1), Notes: []string{"tab\tquote\"back\\slash\nline"}})
	}
	if err := s.RecordWebhooks(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	add(t, s, work("1", "a@x.example", "course-v1:a+b+c", now), work("2", "b@x.example", "course-v1:a+b+c", now))
	return s
}

func TestALedgerComesBackAsItWas(t *testing.T) {
	t.Parallel()
	kept := shelf{}
	from := filled(t)
	snapshot, err := from.Snapshot(t.Context(), kept.create)
	if err != nil {
		t.Fatal(err)
	}
	to := open(t, embeddedtest.Postgres(t))
	if err := to.Restore(t.Context(), snapshot, kept.open); err != nil {
		t.Fatal(err)
	}
	again := shelf{}
	second, err := to.Snapshot(t.Context(), again.create)
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Tables) != len(snapshot.Tables) || len(snapshot.Tables) < 5 {
		t.Fatalf("%d tables, were %d", len(second.Tables), len(snapshot.Tables))
	}
	for i, table := range snapshot.Tables {
		if table.Rows != second.Tables[i].Rows && table.Name != "webhooks" || kept[table.Name].Len() > 0 && again[table.Name].Len() == 0 {
			t.Errorf("%s has %d rows, had %d", table.Name, second.Tables[i].Rows, table.Rows)
		}
	}
	// What is past keeping is dropped by the restore's upkeep, as on the old machine.
	if got, err := to.Webhook(t.Context(), "w3"); err != nil || len(got.Notes) != 1 || got.Notes[0] != "tab\tquote\"back\\slash\nline" {
		t.Errorf("a webhook is %+v, %v", got, err)
	}
	before := snapshot.Sequences["enrollments_id_seq"]
	add(t, to, work("3", "c@x.example", "course-v1:a+b+c", time.Now().UTC()))
	third, err := to.Snapshot(t.Context(), shelf{}.create)
	if err != nil || before < 2 || third.Sequences["enrollments_id_seq"] != before+1 {
		t.Errorf("the sequence went from %d to %d, %v", before, third.Sequences["enrollments_id_seq"], err)
	}
}

func TestALedgerWithRowsIsNotOverwritten(t *testing.T) {
	t.Parallel()
	kept := shelf{}
	s := filled(t)
	snapshot, err := s.Snapshot(t.Context(), kept.create)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(t.Context(), snapshot, kept.open); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("got %v", err)
	}
	fresh := storetest.Open(t)
	if err := fresh.Restore(t.Context(), snapshot, kept.open); err != nil {
		t.Errorf("a migrated ledger without rows is refused: %v", err)
	}
}

func TestALedgerIsRestoredWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	kept := shelf{}
	snapshot, err := filled(t).Snapshot(t.Context(), kept.create)
	if err != nil {
		t.Fatal(err)
	}
	kept["webhooks"].Truncate(kept["webhooks"].Len() / 2)
	to := open(t, embeddedtest.Postgres(t))
	if err := to.Restore(t.Context(), snapshot, kept.open); err == nil {
		t.Fatal("half a table was taken")
	}
	fine := shelf{}
	whole, err := filled(t).Snapshot(t.Context(), fine.create)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Restore(t.Context(), whole, fine.open); err != nil {
		t.Errorf("the failed restore left something: %v", err)
	}
}

func TestABackupOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, embeddedtest.Postgres(t))
	err := s.Restore(t.Context(), store.LedgerSnapshot{At: time.Now(), Migrations: []int64{1, 999999}}, shelf{}.open)
	if relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("got %v", err)
	}
}
