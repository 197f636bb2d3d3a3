package assembly

import (
	"net"
	"os"
)

// supervisorSocket names, in the environment, where systemd hears of services of Type=notify (sd_notify(3)).
const supervisorSocket = "NOTIFY_SOCKET"

// What systemd is told.
const (
	stateReady    = "READY=1"    // listeners are open and services run
	stateStopping = "STOPPING=1" // told to end; what is under way is finished
)

// tellSupervisor tells systemd a state, where it asked to be told. That it could not is a line in the log: systemd then
// waits for its own time-out.
func (g *Ground) tellSupervisor(state string) {
	path := os.Getenv(supervisorSocket)
	if path == "" {
		return
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"}) // "@…" is an abstract name
	if err == nil {
		defer connection.Close()
		_, err = connection.Write([]byte(state))
	}
	if err != nil {
		g.Log.Warn("systemd could not be told", "state", state, "error", err)
	}
}
