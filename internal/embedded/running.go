package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// InUse tells whether a living process holds a directory of StartNATS or StartPostgres.
func InUse(dir string) bool {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// RunningPostgres gives the URL of the server that another process of this user runs in dir; false when none does.
func RunningPostgres(dir string) (url string, running bool) {
	if !InUse(dir) {
		return "", false
	}
	home, err := filepath.EvalSymlinks(filepath.Join(dir, "cluster"))
	if err != nil {
		return "", false
	}
	server := Postgres{cluster: cluster{socket: socketPath(home)}}
	return server.URL(), true
}
