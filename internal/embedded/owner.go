package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/edrelay/edrelay/internal/relay"
)

// owner is who runs Postgres, which refuses to run as root. The zero value is the user of this process.
type owner struct {
	name     string
	uid, gid int
	other    bool // not the user of this process
}

// postgresOwner gives this process's user, or as root an unprivileged one: name, else postgres, else nobody.
func postgresOwner(name string) (owner, error) {
	if os.Geteuid() != 0 {
		return owner{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	names := []string{"postgres", "_postgres", "nobody"}
	if name != "" {
		names = []string{name}
	}
	for _, candidate := range names {
		account, err := user.Lookup(candidate)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(account.Uid)
		gid, gidErr := strconv.Atoi(account.Gid)
		if errors.Join(uidErr, gidErr) == nil && uid > 0 {
			return owner{name: candidate, uid: uid, gid: gid, other: true}, nil
		}
	}
	return owner{}, &relay.Error{
		Code:    relay.CodeUnavailable,
		Message: fmt.Sprintf("Postgres refuses to run as root and there is no user %s to run it as", names[len(names)-1]),
		Hint:    "run edrelay as another user, or set database.url",
	}
}

// as makes cmd run as the owner.
func (o owner) as(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if o.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return cmd
}

// makeDir makes dir, private to the owner.
func (o owner) makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", dir)
	}
	if o.other {
		if err := os.Lchown(dir, o.uid, o.gid); err != nil {
			return err
		}
	} else if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != o.uid {
		return &relay.Error{
			Code:    relay.CodeUnavailable,
			Message: fmt.Sprintf("the directory %s belongs to another user", dir),
			Hint:    "run edrelay as the user who ran it first, or set another data_dir",
		}
	}
	return os.Chmod(dir, 0o700)
}

// reaches tells whether the owner can enter dir: every folder above it must let the owner pass.
func (o owner) reaches(ctx context.Context, dir string) bool {
	if !o.other {
		return true
	}
	cmd := o.as(exec.CommandContext(ctx, "/bin/sh", "-c", "true"))
	cmd.Dir = dir
	return cmd.Run() == nil
}

// home gives a directory that the owner can enter: dir/cluster or, when a folder above dir is closed to the owner, a
// directory under /var/lib/edrelay that dir/cluster then links to.
func (o owner) home(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "cluster")
	if target, err := os.Readlink(path); err == nil {
		return target, o.makeDirAll(target)
	}
	fresh := !exists(path)
	if err := o.makeDir(path); err != nil {
		return "", fmt.Errorf("prepare %s: %w", path, err)
	}
	if o.reaches(ctx, path) {
		return path, nil
	}
	if !fresh {
		return "", &relay.Error{
			Code:    relay.CodeUnavailable,
			Message: fmt.Sprintf("the user %s, who runs Postgres, can't enter %s", o.name, path),
			Hint:    "let it pass the folders above (chmod o+x), or set another data_dir",
		}
	}
	return o.elsewhere(ctx, path)
}

func (o owner) elsewhere(ctx context.Context, path string) (string, error) {
	const shelter = "/var/lib/edrelay"
	if err := os.MkdirAll(shelter, 0o755); err != nil {
		return "", fmt.Errorf("prepare %s: %w", shelter, err)
	}
	target, err := os.MkdirTemp(shelter, "postgres-")
	if err != nil {
		return "", fmt.Errorf("prepare %s: %w", shelter, err)
	}
	if err := o.makeDir(target); err != nil {
		return "", fmt.Errorf("prepare %s: %w", target, err)
	}
	if !o.reaches(ctx, target) {
		return "", &relay.Error{
			Code:    relay.CodeUnavailable,
			Message: fmt.Sprintf("the user %s, who runs Postgres, can enter neither the data directory nor %s", o.name, shelter),
			Hint:    "set data_dir to a folder that every user may enter, or set database.url",
		}
	}
	if err := os.Remove(path); err != nil {
		return "", fmt.Errorf("link %s: %w", path, err)
	}
	if err := os.Symlink(target, path); err != nil {
		return "", fmt.Errorf("link %s: %w", path, err)
	}
	return target, nil
}

func (o owner) makeDirAll(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return o.makeDir(dir)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
