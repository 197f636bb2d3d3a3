package console

import (
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

func FuzzCursorsOfStrangers(f *testing.F) {
	f.Add(formatCursor(relay.Mark{Time: time.Unix(1, 2), ID: "w1"}))
	f.Add("LjE")
	f.Fuzz(func(t *testing.T, cursor string) {
		mark, err := parseCursor(cursor)
		if err != nil {
			if relay.CodeOf(err) != relay.CodeInvalid {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := parseCursor(formatCursor(mark))
		if err != nil || !again.Time.Equal(mark.Time) || again.ID != mark.ID {
			t.Errorf("%+v became %+v, %v", mark, again, err)
		}
	})
}

func FuzzTimesOfStrangers(f *testing.F) {
	for _, seed := range []string{"24h", "7d", "2026-01-31", "2026-01-31T12:00:00+02:00", "99999d"} {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := parseTime(text, now); !ok && !at.IsZero() {
			t.Errorf("%q is no time and gives %v", text, at)
		}
	})
}
