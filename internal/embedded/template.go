package embedded

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// fromTemplate makes a throwaway cluster at draft by copying one that an earlier test process made, and tells whether
// there was one.
func (c cluster) fromTemplate(ctx context.Context, draft string) bool {
	template, err := c.template(ctx)
	if err != nil || !exists(template) {
		return false
	}
	if err := c.copyCluster(template, draft); err != nil {
		_ = os.RemoveAll(draft)
		return false
	}
	return true
}

// keepTemplate copies the fresh cluster at draft for later test processes. It is only for speed, so its failure is
// nobody's concern.
func (c cluster) keepTemplate(ctx context.Context, draft string) {
	template, err := c.template(ctx)
	if err != nil || os.MkdirAll(filepath.Dir(template), 0o700) != nil {
		return
	}
	part, err := os.MkdirTemp(filepath.Dir(template), "part-")
	if err != nil {
		return
	}
	if os.CopyFS(filepath.Join(part, "data"), os.DirFS(draft)) == nil {
		_ = os.Rename(filepath.Join(part, "data"), template)
	}
	_ = os.RemoveAll(part)
}

// template is where a cluster made by this very server program is kept.
func (c cluster) template(ctx context.Context) (string, error) {
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, c.command("postgres"), "--version").Output()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(version, c.bin...))
	return filepath.Join(folder, "edrelay", fmt.Sprintf("postgres-%d-%x", c.major, sum[:6])), nil
}

func (c cluster) copyCluster(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o700); err != nil || !c.other {
		return err
	}
	return filepath.WalkDir(to, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, c.uid, c.gid)
	})
}
