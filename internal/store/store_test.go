package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func count(t *testing.T, url, query string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProcessesThatMigrateTogetherWaitForOneAnother(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	var group sync.WaitGroup
	for range 3 {
		s := open(t, url)
		group.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	status, err := open(t, url).MigrationStatus(t.Context())
	if err != nil || len(status) == 0 {
		t.Fatalf("%v, %v", status, err)
	}
	for _, one := range status {
		if one.AppliedAt == nil {
			t.Errorf("%s is not applied", one.Name)
		}
	}
}

func TestAnUnmigratedLedgerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := open(t, embeddedtest.Postgres(t))
	if err := s.CheckMigrated(t.Context()); relay.CodeOf(err) != relay.CodeUnavailable || !strings.Contains(err.Error(), "lacks") {
		t.Error(err)
	}
}

func TestALedgerThatIsAwayIsUnavailableAndTheURLStaysSecret(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=1")
	if relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("code %q: %v", relay.CodeOf(err), err)
	}
	_, bad := store.Open(t.Context(), "postgres://u:hunter2@127.0.0.1:port/x")
	if relay.CodeOf(bad) != relay.CodeInvalid {
		t.Errorf("code %q", relay.CodeOf(bad))
	}
	for _, text := range []string{fmt.Sprint(err), fmt.Sprint(bad)} {
		if strings.Contains(text, "hunter2") {
			t.Error("the password is in the error")
		}
	}
}

func TestPartitionsAreMadeAheadAndDroppedPastKeeping(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	s := storetest.OpenURL(t, url)
	partitions := `SELECT count(*) FROM pg_inherits WHERE inhparent = 'webhooks'::regclass`
	before := count(t, url, partitions)
	old := `SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE inhparent = 'webhooks'::regclass AND relname < 'webhooks_' || to_char(now() + interval '200 days', 'YYYYMMDD') AND relname ~ '[0-9]{8}$'`
	if before < 10 {
		t.Fatalf("%d partitions", before)
	}
	if changed, err := s.MaintainPartitions(t.Context(), time.Now()); err != nil || changed != 0 {
		t.Fatalf("maintained again: %d changed, %v", changed, err)
	}
	if _, err := s.MaintainPartitions(t.Context(), time.Now().AddDate(0, 0, 300)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, url, old); n != 0 {
		t.Errorf("%d partitions past keeping are left", n)
	}
	if err := s.KeepTable(context.WithoutCancel(t.Context()), "webhooks", 24*time.Hour); err != nil {
		t.Fatal(err)
	}
}

// A pool whose connections are all in use says no more than that the time is over.
func TestALedgerWithoutAFreeConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, err := s.Replay(ctx, "none"); relay.CodeOf(err) != relay.CodeUnavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: want unavailable, because of the deadline", err)
	}
}
