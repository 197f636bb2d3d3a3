package alarm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dirs are the folders of a data dir that grow; each may be a file system of its own.
func Dirs(data string) []string {
	return []string{data, filepath.Join(data, "nats"), filepath.Join(data, "postgres")}
}

// Tightest gives the folder with the least room of those that can be read.
func Tightest(dirs []string) (dir string, free, size uint64, err error) {
	for _, one := range dirs {
		left, all, failed := Disk(one)
		if failed != nil {
			err = failed
		} else if size == 0 || left < free {
			dir, free, size = one, left, all
		}
	}
	if size > 0 {
		err = nil
	}
	return dir, free, size, err
}

// Writable tries to write to a folder; the error says why that is not possible.
func Writable(dir string) error {
	file, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = file.WriteString("edrelay looks whether it can write here\n")
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// Disk gives the bytes that this user may still write to the file system of a folder, and the size of it. A folder that
// is not there yet counts as the one that it will be made in.
func Disk(dir string) (free, size uint64, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return 0, 0, err
	}
	for {
		var stat syscall.Statfs_t
		err = syscall.Statfs(dir, &stat)
		if err == nil {
			block := uint64(stat.Bsize)
			return stat.Bavail * block, stat.Blocks * block, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return 0, 0, err
		}
		dir = parent
	}
}
