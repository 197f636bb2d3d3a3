package ingress

import (
	"io"
	"net"
	"time"
)

// A connection that is closed while its sender still writes is reset, and the sender may never read the 413 that was
// written before. So the last answer is given time to arrive.
const (
	lingerTime  = time.Second
	lingerBytes = 8 << 20
)

// lingering is a listener whose connections read on for a moment after they are closed for writing.
type lingering struct{ net.Listener }

// Accept gives the next connection.
func (l lingering) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &lingeringConn{TCPConn: tcp}, nil
	}
	return conn, err
}

type lingeringConn struct{ *net.TCPConn }

// Close ends the writing at once and the reading when the sender is through, or a moment later.
func (c *lingeringConn) Close() error {
	if err := c.CloseWrite(); err != nil {
		return c.TCPConn.Close()
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	go func() {
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
		_ = c.TCPConn.Close()
	}()
	return nil
}
