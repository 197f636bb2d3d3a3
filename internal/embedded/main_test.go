package embedded

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childDir names the environment variable that turns the test program into a process that runs both servers.
const childDir = "EDRELAY_EMBEDDED_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// runChild starts both servers, prints their URLs and waits for the end of its standard input.
func runChild(dir string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	pg, err := StartPostgres(context.Background(), PostgresConfig{Dir: filepath.Join(dir, "postgres"), Log: log})
	if err != nil {
		return err
	}
	defer pg.Shutdown()
	nats, err := StartNATS(NATSConfig{Dir: filepath.Join(dir, "nats"), Addr: "127.0.0.1:0", Log: log})
	if err != nil {
		return err
	}
	defer nats.Shutdown()
	fmt.Println("postgres", pg.URL())
	fmt.Println("nats", nats.URL())
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

type child struct {
	cmd            *exec.Cmd
	postgres, nats string
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childDir+"="+dir)
	c.cmd.Stderr = os.Stderr
	if _, err := c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "postgres":
			c.postgres = rest
		case "nats":
			c.nats = rest
			return c
		default:
			t.Fatalf("the child says: %s", lines.Text())
		}
	}
	t.Fatal("the child ended before it was ready")
	return nil
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}
