package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/edrelay/edrelay/internal/relay"
)

// dirLock is a directory held by one process. The kernel lets go of it when the process dies, however it dies.
type dirLock struct{ file *os.File }

// lockDir makes dir when it is not there and takes its lock. A lock held by another process is a relay.Error that
// names its process id.
func lockDir(dir string, mode os.FileMode) (*dirLock, error) {
	if err := os.MkdirAll(dir, mode); err != nil {
		return nil, notWritable(dir, "made", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, notWritable(dir, "written to", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, lockedError(dir, file)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := writeOwner(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return &dirLock{file: file}, nil
}

// Release gives the directory back. The file stays, so that two processes never hold two different locks.
func (l *dirLock) Release() { l.file.Close() }

func writeOwner(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func notWritable(dir, what string, err error) *relay.Error {
	return &relay.Error{
		Code: relay.CodeUnavailable, Err: err, Message: fmt.Sprintf("the directory %s cannot be %s: %v", dir, what, err),
		Hint: "let this user write there, make room, or mend and remount a disk that is read-only; or set another data_dir",
	}
}

func lockedError(dir string, file *os.File) *relay.Error {
	var pid int
	owner := "another process"
	if _, err := fmt.Fscan(file, &pid); err == nil {
		owner = fmt.Sprintf("process %d", pid)
	}
	return &relay.Error{
		Code:    relay.CodeConflict,
		Message: fmt.Sprintf("the directory %s is in use by %s", dir, owner),
		Hint:    "stop the edrelay that runs there, or set another data_dir",
	}
}
