package drill

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// With nats.embedded.sync always the kernel is told to put the message on the disk, and has said that it did, before
// the first byte of the 2xx leaves. The system calls of edrelay tell.
func TestTheMessageIsOnTheDiskBeforeThe2xxLeaves(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	running := s.up()
	if status := send(http.DefaultClient, "http://"+s.door, 1); status != 200 {
		t.Fatalf("an order: %d", status)
	}
	trace := filepath.Join(s.dir, "trace")
	strace := exec.Command("strace", "-f", "-y", "-s", "32", "-e", "trace=write,writev,pwrite64,fsync,fdatasync,sendto,sendmsg", "-o", trace,
		"-p", strconv.Itoa(running.cmd.Process.Pid))
	said := &logs{}
	strace.Stdout, strace.Stderr = said, said
	if err := strace.Start(); err != nil {
		t.Fatalf("strace: %v", err)
	}
	await(t, "strace is not attached", 30*time.Second, func() bool { return strings.Contains(said.String(), "attached") })
	if status := send(http.DefaultClient, "http://"+s.door, 2); status != 200 {
		t.Errorf("an order: %d", status)
	}
	_ = strace.Process.Signal(os.Interrupt)
	_ = strace.Wait()
	written, synced, answered := milestones(t, trace)
	if written == 0 || synced == 0 || answered == 0 || !(written < synced && synced < answered) {
		text, _ := os.ReadFile(trace)
		t.Errorf("lines of the trace: written %d, on disk %d, answered %d\n%s", written, synced, answered, tail(string(text), 8000))
	}
}

var (
	block    = regexp.MustCompile(`(write|pwrite64|writev)\(\d+<[^>]*/streams/WEBHOOKS/msgs/\d+\.blk>`)
	onDisk   = regexp.MustCompile(`(\d+) .*f(data)?sync\(\d+<[^>]*/streams/WEBHOOKS/msgs/\d+\.blk>\)? *(= 0|<unfinished)`)
	finished = regexp.MustCompile(`(\d+) .*f(data)?sync resumed>\) *= 0`)
	leaving  = regexp.MustCompile(`(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 200`)
)

// milestones gives the lines at which the message was written to its block, the block was on the disk, and the answer
// left; 0 for what did not happen.
func milestones(t *testing.T, trace string) (written, synced, answered int) {
	t.Helper()
	file, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	syncing := map[string]bool{} // threads inside of a sync of the block
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case block.MatchString(line) && written == 0:
			written = n
		case written > 0 && onDisk.MatchString(line) && synced == 0:
			found := onDisk.FindStringSubmatch(line)
			if found[3] == "= 0" {
				synced = n
			} else {
				syncing[found[1]] = true
			}
		case finished.MatchString(line) && synced == 0 && syncing[finished.FindStringSubmatch(line)[1]]:
			synced = n
		case leaving.MatchString(line) && answered == 0:
			answered = n
		}
	}
	return written, synced, answered
}
