package embedded

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

const (
	socketPort    = "5432" // names the socket file; nothing listens on a port
	longestSocket = 90     // a socket's path may have 103 bytes on macOS, 107 on Linux
)

// cluster is a Postgres data directory with everything needed to start its server.
type cluster struct {
	installation
	owner
	home      string // holds all of the below; private to the owner
	data      string
	socket    string // folder of the socket
	log       string // file
	throwaway bool
}

// prepareCluster finds the programs and makes the data directory when there is none. A directory that a killed initdb
// left half made is made anew.
func prepareCluster(ctx context.Context, cfg PostgresConfig) (cluster, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return cluster{}, fmt.Errorf("find the data directory: %w", err)
	}
	who, err := postgresOwner(cfg.User)
	if err != nil {
		return cluster{}, err
	}
	home, err := who.home(ctx, dir)
	if err != nil {
		return cluster{}, err
	}
	if home, err = filepath.EvalSymlinks(home); err != nil {
		return cluster{}, fmt.Errorf("find the data directory: %w", err)
	}
	c := cluster{
		owner: who, home: home, throwaway: cfg.Throwaway,
		data: filepath.Join(home, "data"), log: filepath.Join(home, "server.log"),
	}
	if c.socket, err = c.socketDir(); err != nil {
		return cluster{}, err
	}
	if c.installation, err = findPostgres(ctx, cfg.Bin, c.majorOnDisk()); err != nil {
		return cluster{}, err
	}
	if exists(c.data) {
		return c, nil
	}
	return c, c.initialise(ctx)
}

// majorOnDisk is the version of the cluster that exists, 0 when there is none.
func (c cluster) majorOnDisk() int {
	text, err := os.ReadFile(filepath.Join(c.data, "PG_VERSION"))
	if err != nil {
		return 0
	}
	major, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return major
}

// socketDir is a private folder for the socket: beside the data or, where that path is too long, in the folder for
// temporary files.
func (c cluster) socketDir() (string, error) {
	dir := socketPath(c.home)
	if err := c.makeDir(dir); err != nil {
		return "", fmt.Errorf("prepare %s: %w", dir, err)
	}
	return dir, nil
}

func socketPath(home string) string {
	dir := filepath.Join(home, "run")
	if len(dir) > longestSocket {
		sum := sha256.Sum256([]byte(dir))
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("edrelay-%x", sum[:6]))
	}
	return dir
}

func (c cluster) initialise(ctx context.Context) error {
	draft := c.data + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return fmt.Errorf("remove a half-made cluster: %w", err)
	}
	if c.throwaway && c.fromTemplate(ctx, draft) {
		return os.Rename(draft, c.data)
	}
	args := []string{
		"--pgdata", draft, "--username", Database, "--encoding", "UTF8", "--locale", "C",
		"--auth-local", "trust", "--auth-host", "reject",
	}
	if c.throwaway {
		args = append(args, "--no-sync", "--wal-segsize", "1")
	}
	cmd := c.as(c.program(exec.CommandContext(ctx, c.command("initdb"), args...)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return &relay.Error{
			Code:    relay.CodeUnavailable,
			Message: "initdb could not make a Postgres cluster: " + lastLine(out),
			Hint:    "see to the space and the rights in " + c.home + ", or set database.url",
			Err:     err,
		}
	}
	if c.throwaway {
		c.keepTemplate(ctx, draft)
	}
	return os.Rename(draft, c.data)
}

// program gives cmd a known environment and a folder that the owner can enter.
func (c cluster) program(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = c.home
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "HOME=" + c.home, "PATH=" + c.bin + ":/usr/bin:/bin"}
	return cmd
}

// settings are the server's; what is written in postgresql.conf of the data directory holds for all others.
func (c cluster) settings() []string {
	set := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": c.socket,
		"unix_socket_permissions": "0700",
		"port":                    socketPort,
		"shared_buffers":          "32MB",
		"max_connections":         "100",
		"max_wal_size":            "512MB",
		"jit":                     "off",
		"wal_init_zero":           "off", // 16 MB of zeros to the disk at a time hold up the log's fsyncs
		"timezone":                "UTC",
		"log_error_verbosity":     "terse", // details quote the values of rows
		"log_min_error_statement": "panic",
		"logging_collector":       "off",
	}
	if c.throwaway {
		set["fsync"], set["synchronous_commit"], set["full_page_writes"] = "off", "off", "off"
		set["max_connections"], set["autovacuum"] = "400", "off"
	}
	args := []string{"-D", c.data}
	for name, value := range set {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
