package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

const largestLog = 8 << 20

// errRemnant says that children of a server that was killed still hold its shared memory. They end by themselves once
// they see that it is gone.
var errRemnant = errors.New("children of a killed server still run")

// serverLog is what the server itself writes, from one start on.
type serverLog struct {
	file *os.File
	from int64 // where this start's part begins
}

// openServerLog opens the server's own log, emptied when it has grown large.
func openServerLog(path string) (*serverLog, error) {
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	info, err := os.Stat(path)
	large := err == nil && info.Size() > largestLog
	if large {
		mode |= os.O_TRUNC
	}
	file, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of Postgres: %w", err)
	}
	log := &serverLog{file: file}
	if info != nil && !large {
		log.from = info.Size()
	}
	return log, nil
}

// failure makes one sentence of why the server ended before it was ready; errRemnant is its cause where it is.
func (l *serverLog) failure() error {
	reason := "it ended without a word"
	for line := range strings.Lines(l.said()) {
		if _, after, found := strings.Cut(line, "FATAL:"); found && !toldToAClient(after) {
			reason = strings.TrimSpace(after)
		}
	}
	failed := &relay.Error{
		Code:    relay.CodeUnavailable,
		Message: "the embedded Postgres does not start: " + reason,
		Hint:    fmt.Sprintf("read %s, or set database.url to a Postgres of your own", filepath.Clean(l.file.Name())),
	}
	if strings.Contains(reason, "pre-existing shared memory block") {
		failed.Err = errRemnant
	}
	return failed
}

// toldToAClient tells what is said to the client of a connection, by this server or by a child of one that was killed.
func toldToAClient(reason string) bool {
	return strings.Contains(reason, "the database system is") || strings.Contains(reason, "terminating connection")
}

func (l *serverLog) said() string {
	text, err := os.ReadFile(l.file.Name())
	if err != nil || int64(len(text)) < l.from {
		return ""
	}
	return string(text[l.from:])
}
