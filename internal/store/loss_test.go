package store_test

import (
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func TestAStreamThatEndsBeforeItDidHasLostItsEnd(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	stored := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	mark := func(stream string, last uint64) *relay.Loss {
		t.Helper()
		noted, _ := s.LogMark(t.Context(), stream) // 0 before the first
		loss, err := s.MarkLog(t.Context(), stream, noted, last, stored)
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	for _, last := range []uint64{0, 10, 33, 33} {
		if loss := mark(relay.StreamWebhooks, last); loss != nil {
			t.Errorf("it grew to %d, and it says %+v", last, loss)
		}
	}
	mark(relay.StreamEvents, 5)
	loss := mark(relay.StreamWebhooks, 10)
	if loss == nil || loss.First != 11 || loss.Last != 33 || !loss.Since.Equal(stored) || loss.Until.Before(stored) {
		t.Fatalf("%+v", loss)
	}
	if loss.Unworked != 23 { // this ledger knows none of them
		t.Errorf("%d unworked", loss.Unworked)
	}
	if again := mark(relay.StreamWebhooks, 12); again != nil {
		t.Errorf("told twice: %+v", again)
	}
	kept, err := s.LogLosses(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || len(kept) != 1 || kept[0].Unworked != 23 || kept[0].Stream != relay.StreamWebhooks {
		t.Errorf("%+v, %v", kept, err)
	}
	if late, err := s.LogLosses(t.Context(), time.Now().Add(time.Hour)); err != nil || len(late) != 0 {
		t.Errorf("%+v, %v", late, err)
	}
}

// Several processes look: one that asked the stream before another noted more must not take that for a loss.
func TestAnAnswerOlderThanAnothersNoteIsNoLoss(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	for _, look := range []struct{ noted, last uint64 }{{0, 20}, {20, 33}, {20, 25}, {20, 20}} {
		if loss, err := s.MarkLog(t.Context(), relay.StreamEvents, look.noted, look.last, time.Now()); err != nil || loss != nil {
			t.Errorf("%+v: %+v, %v", look, loss, err)
		}
	}
	if mark, err := s.LogMark(t.Context(), relay.StreamEvents); err != nil || mark != 33 {
		t.Errorf("the mark is %d, %v", mark, err)
	}
	if loss, err := s.MarkLog(t.Context(), relay.StreamEvents, 33, 30, time.Now()); err != nil || loss == nil || loss.First != 31 {
		t.Errorf("%+v, %v", loss, err)
	}
}
