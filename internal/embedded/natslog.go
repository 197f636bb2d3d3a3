package embedded

import (
	"context"
	"fmt"
	"log/slog"
)

// natsLog hands the NATS server's lines to slog; its notices are our debug lines.
type natsLog struct {
	log   *slog.Logger
	fatal chan string // the first line after which the server is of no use
}

func newNATSLog(log *slog.Logger) *natsLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &natsLog{log: log, fatal: make(chan string, 1)}
}

func (l *natsLog) line(level slog.Level, format string, args []any) string {
	text := fmt.Sprintf(format, args...)
	l.log.Log(context.Background(), level, "nats server", "line", text)
	return text
}

// Noticef, Warnf, Errorf, Debugf and Tracef are the server's levels.
func (l *natsLog) Noticef(format string, args ...any) { l.line(slog.LevelDebug, format, args) }
func (l *natsLog) Warnf(format string, args ...any)   { l.line(slog.LevelWarn, format, args) }
func (l *natsLog) Errorf(format string, args ...any)  { l.line(slog.LevelError, format, args) }
func (l *natsLog) Debugf(format string, args ...any)  { l.line(slog.LevelDebug, format, args) }
func (l *natsLog) Tracef(format string, args ...any)  { l.line(slog.LevelDebug, format, args) }

// Fatalf is the end of the server, not of the process.
func (l *natsLog) Fatalf(format string, args ...any) {
	select {
	case l.fatal <- l.line(slog.LevelError, format, args):
	default:
	}
}
