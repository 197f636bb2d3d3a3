package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// memoryDir is where Linux keeps files in memory.
const memoryDir = "/dev/shm"

// StageInMemory lets the server stage atomic batches of the streams in memory instead of on disk. The server stages
// each batch in a store of its own before it writes and fsyncs the batch to the stream; staging on disk takes about
// five more fsyncs a batch, which buy only that a batch that was cut off by a power failure, and so never
// acknowledged, is completed after it. Call it when the streams exist, before anything is published, after each start.
// Where memory files are not to be had it changes nothing and returns why.
func (n *NATS) StageInMemory(streams ...string) error {
	store := n.server.JetStreamConfig().StoreDir
	sum := sha256.Sum256([]byte(store))
	staging := filepath.Join(memoryDir, "edrelay-"+hex.EncodeToString(sum[:8]))
	if err := os.RemoveAll(staging); err != nil {
		return fmt.Errorf("clear batch staging: %w", err)
	}
	if err := os.Mkdir(staging, 0o700); err != nil {
		return fmt.Errorf("make batch staging: %w", err)
	}
	n.staging = staging
	for _, stream := range streams {
		if err := stage(store, stream, staging); err != nil {
			return err
		}
	}
	return nil
}

// stage puts a link to the memory in the place of the stream's staging directory, in whatever account it is.
func stage(store, stream, staging string) error {
	homes, err := filepath.Glob(filepath.Join(store, "*", "streams", stream))
	if err != nil {
		return fmt.Errorf("find stream %s: %w", stream, err)
	}
	for i, home := range homes {
		target := filepath.Join(staging, fmt.Sprintf("%s-%d", stream, i))
		if err := os.Mkdir(target, 0o700); err != nil {
			return fmt.Errorf("make batch staging of %s: %w", stream, err)
		}
		link := filepath.Join(home, "batches")
		if err := os.RemoveAll(link); err != nil {
			return fmt.Errorf("clear batch staging of %s: %w", stream, err)
		}
		if err := os.Symlink(target, link); err != nil {
			return fmt.Errorf("link batch staging of %s: %w", stream, err)
		}
	}
	return nil
}

func (n *NATS) unstage() {
	if n.staging != "" {
		_ = os.RemoveAll(n.staging)
	}
}
