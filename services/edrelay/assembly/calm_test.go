package assembly

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestAWarningThatSaysTheSameAgainIsHeldBack(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Now()
	log := slog.New(newCalm(slog.NewTextHandler(&out, nil), func() time.Time { return now }))
	enroller, notifier := log.With("service", "enroller"), log.With("service", "notifier")
	said := func() (lines []string) {
		lines = strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' })
		out.Reset()
		return lines
	}
	for i := range 100 {
		enroller.Warn("no ledger", "error", fmt.Errorf("dial from port %d", i))
	}
	notifier.Warn("no ledger", "error", errors.New("dial"))
	enroller.Error("no ledger")
	enroller.Warn("no ledger", "subscription", "crm")
	if lines := said(); len(lines) != 4 {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for range 3 {
		enroller.Info("webhooks recorded")
	}
	if lines := said(); len(lines) != 3 {
		t.Errorf("what is no warning was held back: %d of 3 lines", len(lines))
	}
	now = now.Add(calmSpan)
	enroller.Warn("no ledger", "error", errors.New("dial"))
	if lines := said(); len(lines) != 1 || !strings.Contains(lines[0], "repeated=99") {
		t.Errorf("%s", lines)
	}
	for i := range 10 * mostTold {
		enroller.Warn("no ledger", "id", i)
	}
	if n := len(enroller.Handler().(calm).told.all); n > mostTold {
		t.Errorf("%d warnings are remembered", n)
	}
}
