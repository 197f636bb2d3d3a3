// Package linger lets the last answer of a connection arrive: one that is closed while its sender still writes is reset,
// and the sender may never read the 413 that was written before.
package linger

import (
	"io"
	"net"
	"time"
)

const (
	most  = time.Second
	bytes = 8 << 20
)

// Listener is a listener whose TCP connections read on for a moment after they are closed for writing.
type Listener struct{ net.Listener }

// Accept gives the next connection.
func (l Listener) Accept() (net.Conn, error) {
	next, err := l.Listener.Accept()
	if tcp, ok := next.(*net.TCPConn); ok && err == nil {
		return &conn{TCPConn: tcp}, nil
	}
	return next, err
}

type conn struct{ *net.TCPConn }

// Close ends the writing at once and the reading when the sender is through, or a moment later.
func (c *conn) Close() error {
	if err := c.CloseWrite(); err != nil {
		return c.TCPConn.Close()
	}
	_ = c.SetReadDeadline(time.Now().Add(most))
	go func() {
		_, _ = io.CopyN(io.Discard, c.TCPConn, bytes)
		_ = c.TCPConn.Close()
	}()
	return nil
}
