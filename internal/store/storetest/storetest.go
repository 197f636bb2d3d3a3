// Package storetest gives tests a migrated ledger of their own on a real Postgres.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/store"
)

// Open gives an empty, migrated ledger that goes with the test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return OpenURL(t, embeddedtest.Postgres(t))
}

// OpenURL opens and migrates the ledger at a URL, for tests that open it twice.
func OpenURL(t testing.TB, url string) *store.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := store.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}
