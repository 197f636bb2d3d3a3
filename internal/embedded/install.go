package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// oldestPostgres is the first major version that edrelay's SQL runs on.
const oldestPostgres = 14

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// installation is a folder that holds postgres and initdb of one major version.
type installation struct {
	bin   string
	major int
}

func (i installation) command(name string) string { return filepath.Join(i.bin, name) }

// findPostgres picks an installation: of version major when a cluster of that version exists already (0: none does),
// else the one on PATH, else the newest. only restricts the search to one folder.
func findPostgres(ctx context.Context, only string, major int) (installation, error) {
	found := installations(ctx, only)
	if len(found) == 0 {
		return installation{}, missingPostgres(only)
	}
	if major != 0 {
		if i := slices.IndexFunc(found, func(in installation) bool { return in.major == major }); i >= 0 {
			return found[i], nil
		}
		return installation{}, &relay.Error{
			Code:    relay.CodeUnavailable,
			Message: fmt.Sprintf("the data directory belongs to Postgres %d, which is not installed", major),
			Hint:    fmt.Sprintf("install Postgres %d, or move the data with pg_upgrade, or set database.url", major),
		}
	}
	if found[0].major < oldestPostgres {
		return installation{}, &relay.Error{
			Code:    relay.CodeUnavailable,
			Message: fmt.Sprintf("the Postgres %d in %s is too old: %d or newer is needed", found[0].major, found[0].bin, oldestPostgres),
			Hint:    "install a newer Postgres, or set database.url",
		}
	}
	return found[0], nil
}

// FindPostgres gives the major version of the Postgres that StartPostgres would take for a new directory; its error
// says what to install.
func FindPostgres(ctx context.Context) (major int, err error) {
	found, err := findPostgres(ctx, "", 0)
	return found.major, err
}

func missingPostgres(only string) *relay.Error {
	where := "on this machine"
	if only != "" {
		where = "in " + only
	}
	return &relay.Error{
		Code:    relay.CodeUnavailable,
		Message: "no Postgres server was found " + where,
		Hint:    "install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or set database.url to one that runs elsewhere",
	}
}

// installations gives what is usable, the one on PATH first if it is new enough, then newest first.
func installations(ctx context.Context, only string) []installation {
	var found []installation
	for _, bin := range binFolders(only) {
		if major := versionOf(ctx, bin); major != 0 {
			found = append(found, installation{bin: bin, major: major})
		}
	}
	slices.SortStableFunc(found, func(a, b installation) int {
		return rank(b, found[0]) - rank(a, found[0])
	})
	return found
}

func rank(in, first installation) int {
	if in == first && in.major >= oldestPostgres {
		return 1 << 16
	}
	return in.major
}

func binFolders(only string) []string {
	if only != "" {
		return []string{only}
	}
	var folders []string
	for _, name := range []string{"postgres", "initdb"} {
		if path, err := exec.LookPath(name); err == nil {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				folders = append(folders, filepath.Dir(real))
			}
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		folders = append(folders, matches...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(folders, func(folder string) bool {
		known := seen[folder]
		seen[folder] = true
		return known
	})
}

// versionOf gives the major version of the server in bin, 0 when a server or initdb is missing or doesn't run.
func versionOf(ctx context.Context, bin string) int {
	if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil {
		return 0
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	match := postgresVersion.FindStringSubmatch(strings.TrimSpace(string(out)))
	if match == nil {
		return 0
	}
	major, _ := strconv.Atoi(match[1])
	return major
}
