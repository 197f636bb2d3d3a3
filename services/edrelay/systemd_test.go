package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSystemdHearsWhenEdrelayIsReadyAndWhenItEndsAndItsJournalNeverTheToken(t *testing.T) {
	t.Parallel()
	u := newUp(t)
	path := filepath.Join(u.dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	u.env = []string{"NOTIFY_SOCKET=" + path, "JOURNAL_STREAM=8:1"}
	u.start(t)
	if got := heard(t, socket); got != "READY=1" {
		t.Errorf("systemd heard %q", got)
	}
	u.stop(t)
	if got := heard(t, socket); got != "STOPPING=1" {
		t.Errorf("systemd heard %q", got)
	}
	token, err := os.ReadFile(filepath.Join(u.dir, "data", "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(u.dir, "log"))
	if err != nil || !strings.Contains(string(log), "admin.token") || strings.Contains(string(log), strings.TrimSpace(string(token))) {
		t.Errorf("%v: the journal has the admin token, or not where it is kept", err)
	}
}

func heard(t *testing.T, socket *net.UnixConn) string {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 256)
	n, err := socket.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}
