package assembly

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// calmSpan is how long a warning that says the same again is held back.
const calmSpan = 30 * time.Second

const mostTold = 1000 // different warnings that are remembered

// calm holds back warnings and errors that say the same as one a moment ago, whatever the error's own words are, so that
// an outage of hours fills no disk. The next one after that tells how many there were.
type calm struct {
	slog.Handler
	about string // what WithAttrs and WithGroup added
	told  *told
}

type told struct {
	mu  sync.Mutex
	now func() time.Time
	all map[string]*repeated
}

type repeated struct {
	at   time.Time // when it was told last
	held int       // since then
}

func newCalm(to slog.Handler, now func() time.Time) slog.Handler {
	return calm{Handler: to, told: &told{now: now, all: map[string]*repeated{}}}
}

// Handle passes a record on, or holds it back.
func (c calm) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelWarn {
		again, held := c.told.again(c.key(record))
		if again {
			return nil
		}
		if held > 0 {
			record = record.Clone()
			record.AddAttrs(slog.Int("repeated", held))
		}
	}
	return c.Handler.Handle(ctx, record)
}

// WithAttrs keeps what is added as part of what a line says.
func (c calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	about := c.about
	for _, attr := range attrs {
		about += " " + attr.String()
	}
	return calm{Handler: c.Handler.WithAttrs(attrs), about: about, told: c.told}
}

// WithGroup keeps the name of the group as part of what a line says.
func (c calm) WithGroup(name string) slog.Handler {
	return calm{Handler: c.Handler.WithGroup(name), about: c.about + " " + name + ".", told: c.told}
}

func (c calm) key(record slog.Record) string {
	var key strings.Builder
	key.WriteString(record.Level.String() + " " + record.Message + c.about)
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key != "error" {
			key.WriteString(" " + attr.String())
		}
		return true
	})
	return key.String()
}

// again tells whether the same was told within the span; if not, how often it was held back since.
func (t *told) again(key string) (again bool, held int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	known := t.all[key]
	if known == nil {
		if len(t.all) >= mostTold {
			clear(t.all)
		}
		t.all[key] = &repeated{at: now}
		return false, 0
	}
	if now.Sub(known.at) < calmSpan {
		known.held++
		return true, 0
	}
	held = known.held
	*known = repeated{at: now}
	return false, held
}
