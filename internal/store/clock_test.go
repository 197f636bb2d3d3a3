package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func near(a, b time.Duration) bool { return (a - b).Abs() < 30*time.Second }

func TestTheLedgersTimeIsPostgresTimeWhateverThisMachineSays(t *testing.T) {
	t.Parallel()
	url, jump := embeddedtest.SkewedPostgres(t)
	jump(time.Hour)
	s := storetest.OpenURL(t, url)
	if ahead := time.Until(s.Now()); !near(ahead, time.Hour) {
		t.Errorf("the ledger's time is %s ahead", ahead)
	}
	for _, by := range []time.Duration{-time.Hour, 24 * time.Hour, -24 * time.Hour, 0} {
		jump(by)
		if skew, err := s.Skew(t.Context()); err != nil || !near(skew, -by) {
			t.Errorf("Postgres is %s ahead, and this machine is said to be %s ahead of it: %v", by, skew, err)
		}
		if ahead := time.Until(s.Now()); !near(ahead, by) {
			t.Errorf("the ledger's time is %s ahead, not %s", ahead, by)
		}
	}
}

func TestNothingWaitsLongerWhenTheClockOfPostgresGoesBack(t *testing.T) {
	t.Parallel()
	url, jump := embeddedtest.SkewedPostgres(t)
	s := storetest.OpenURL(t, url)
	mend := func(want time.Duration) {
		t.Helper()
		if back, err := s.MendClock(t.Context()); err != nil || !near(back, want) {
			t.Errorf("moved by %s, not %s: %v", back, want, err)
		}
	}
	mend(0)
	if gate, err := s.Admit(t.Context(), 1, 0); err != nil || gate.Wait > 0 {
		t.Fatalf("the first call: %+v, %v", gate, err)
	}
	jump(time.Hour)
	mend(0)
	if err := s.Block(t.Context(), 40*time.Second); err != nil {
		t.Fatal(err)
	}
	wait := func(sequence int, wait time.Duration) {
		count(t, url, fmt.Sprintf(`WITH added AS (INSERT INTO retries (subscription_id, sequence, stored_at, event_id, event_type, attempts, counted, next_attempt_at, held)
			VALUES (1, %d, now(), 'e', 't', 1, 1, now() + make_interval(secs => %f), false) RETURNING 1) SELECT count(*) FROM added`, sequence, wait.Seconds()))
	}
	wait(1, 10*time.Minute)
	jump(-24 * time.Hour)
	wait(2, 30*time.Second) // by the new clock
	mend(0)                 // noticed, and moved when all processes know the new time
	jump(-24*time.Hour + 5*time.Second)
	mend(25 * time.Hour)
	gate, err := s.Admit(t.Context(), 100, 0)
	if err != nil || gate.Wait <= 0 || gate.Wait > 40*time.Second {
		t.Errorf("a wait of 40 s is now %s, %v", gate.Wait, err)
	}
	if n := count(t, url, `SELECT count(*) FROM retries WHERE sequence = 1 AND next_attempt_at BETWEEN now() + interval '9 minutes' AND now() + interval '10 minutes'
		OR sequence = 2 AND next_attempt_at BETWEEN now() AND now() + interval '30 seconds'`); n != 2 {
		t.Errorf("%d of 2 deliveries wait as long as they were told to", n)
	}
	mend(0)
}
