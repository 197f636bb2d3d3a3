package assembly

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/edrelay/edrelay/services/edrelay/config"
)

// NewLogger makes the logger that the configuration asks for: text on a terminal, JSON elsewhere, unless it says. A warning
// that says the same again is held back for a while.
func NewLogger(c config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" || c.Format == "" && IsTerminal(out) {
		return slog.New(newCalm(slog.NewTextHandler(out, options), time.Now))
	}
	return slog.New(newCalm(slog.NewJSONHandler(out, options), time.Now))
}

// IsTerminal tells whether a person reads along.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
