package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

const orphanTimeout = 30 * time.Second

// pidFile is what postmaster.pid says of the server of a data directory.
type pidFile struct {
	pid   int
	ready bool
}

func readPidFile(data string) (pidFile, error) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return pidFile{}, err
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidFile{}, fmt.Errorf("read postmaster.pid: %w", err)
	}
	return pidFile{pid: pid, ready: len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready"}, nil
}

// endOrphan ends a server that runs in data though the process that started it is gone, and returns when it has
// written everything out. The caller holds the lock of the directory, so nobody is served by it.
func endOrphan(ctx context.Context, data string) error {
	file, err := readPidFile(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !alive(file.pid) {
		return nil // Postgres itself knows what to do with the file of a dead server
	}
	if !isPostgres(ctx, file.pid, data) {
		return disown(data)
	}
	return endServer(ctx, file.pid, data)
}

func endServer(ctx context.Context, pid int, data string) error {
	ctx, cancel := context.WithTimeout(ctx, orphanTimeout)
	defer cancel()
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return orphanError(pid, err)
	}
	for isPostgres(ctx, pid, data) {
		if err := pause(ctx, lookEvery); err != nil {
			return orphanError(pid, err)
		}
	}
	return nil
}

func orphanError(pid int, err error) *relay.Error {
	return &relay.Error{
		Code:    relay.CodeUnavailable,
		Message: fmt.Sprintf("a Postgres left behind by an earlier edrelay (process %d) does not end", pid),
		Hint:    fmt.Sprintf("end it with: kill -INT %d", pid),
		Err:     err,
	}
}

// alive tells whether a process has the id; a zombie counts.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// isPostgres tells whether process pid is a Postgres server at work in data; ids are given out again after a reboot,
// and a server that has ended may stay a zombie where nobody reaps it.
func isPostgres(ctx context.Context, pid int, data string) bool {
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil {
		return dir == data
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && bytes.Contains(out, []byte("postgres")) && bytes.Contains(out, []byte(data))
}

// disown makes postmaster.pid name this process in place of a stranger with the same id. Postgres takes the file of
// its own parent for a stale one, and still refuses to start over the shared memory of a live server.
func disown(data string) error {
	path := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	text = append(fmt.Appendf(nil, "%d\n", os.Getpid()), rest...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write postmaster.pid: %w", err)
	}
	return nil
}

// RemovePostgres ends a server left behind in a directory of StartPostgres and removes the directory with all data.
// A directory in use is an error.
func RemovePostgres(ctx context.Context, dir string) error {
	lock, err := lockDir(dir, 0o755)
	if err != nil {
		return err
	}
	defer lock.Release()
	home, err := filepath.EvalSymlinks(filepath.Join(dir, "cluster"))
	if err == nil {
		if err := endOrphan(ctx, filepath.Join(home, "data")); err != nil {
			return err
		}
		if err := os.RemoveAll(home); err != nil {
			return fmt.Errorf("remove %s: %w", home, err)
		}
	}
	return os.RemoveAll(dir)
}
