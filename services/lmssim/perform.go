package lmssim

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// performance is one call on which faults have fallen.
type performance struct {
	w       http.ResponseWriter
	c       *call
	hit     []Fault
	release <-chan struct{}
}

// perform lets the platform answer, spoilt by the faults that hit the call.
func (s *Server) perform(w http.ResponseWriter, c *call, handle handler) {
	hit, release := s.faults.strike(c)
	if c.set.ClockSkew != 0 {
		w.Header().Set("Date", c.now.UTC().Format(http.TimeFormat))
	}
	if len(hit) == 0 {
		r := handle(c)
		c.log.Status = r.status
		r.write(w, c.req.Method)
		return
	}
	p := performance{w: w, c: c, hit: hit, release: release}
	r, answered := p.spoil(false, reply{})
	if !answered {
		r = handle(c)
	}
	r, _ = p.spoil(true, r)
	p.send(r)
}

// spoil does what the faults of one side of the work do: wait, hang, reset, or answer something else. It does not
// return when the client gets no answer.
func (p performance) spoil(afterWork bool, r reply) (reply, bool) {
	spoilt := false
	for _, f := range p.hit {
		if f.AfterWork != afterWork {
			continue
		}
		switch f.Kind {
		case FaultLatency:
			p.wait(time.Duration(f.Delay))
		case FaultHang:
			p.hang()
		case FaultReset:
			p.reset()
		case FaultStatus, FaultThrottled, FaultHTML:
			r, spoilt = f.answer(p.c), true
		}
	}
	return r, spoilt
}

// send writes the answer in the way that the faults allow.
func (p performance) send(r reply) {
	p.c.log.Status = r.status
	for _, f := range p.hit {
		switch f.Kind {
		case FaultCutJSON:
			r.body = r.body[:len(r.body)/2]
		case FaultClose:
			r = r.set("Connection", "close")
		case FaultDrip:
			p.drip(r, time.Duration(f.Delay))
			return
		case FaultTruncate:
			p.hijacked(r, len(r.body)/2)
			return
		case FaultDrop:
			p.hijacked(r, len(r.body))
			return
		}
	}
	r.write(p.w, p.c.req.Method)
}

func (p performance) ctx() context.Context { return p.c.req.Context() }

func (p performance) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.release:
	case <-p.ctx().Done():
		panic(http.ErrAbortHandler)
	}
}

func (p performance) hang() {
	select {
	case <-p.release:
	case <-p.ctx().Done():
	}
	panic(http.ErrAbortHandler)
}

// reset sends RST where the connection is TCP, and closes it otherwise.
func (p performance) reset() {
	conn := p.hijack()
	under := conn
	if secure, ok := conn.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = under.Close()
	panic(http.ErrAbortHandler)
}

// drip writes the body byte by byte, spread over the time given.
func (p performance) drip(r reply, over time.Duration) {
	for name, values := range r.header {
		p.w.Header()[name] = values
	}
	p.w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	p.w.WriteHeader(r.status)
	pause := over / time.Duration(max(1, len(r.body)))
	flush := http.NewResponseController(p.w)
	for i := range r.body {
		p.wait(pause)
		_, _ = p.w.Write(r.body[i : i+1])
		_ = flush.Flush()
	}
}

// hijacked writes the whole head but only so many bytes of the body, then closes the connection.
func (p performance) hijacked(r reply, length int) {
	conn := p.hijack()
	defer func() { _ = conn.Close() }()
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set("Content-Length", strconv.Itoa(len(r.body)))
	_, _ = io.WriteString(conn, "HTTP/1.1 "+strconv.Itoa(r.status)+" "+http.StatusText(r.status)+"\r\n")
	_ = r.header.Write(conn)
	_, _ = io.WriteString(conn, "\r\n")
	_, _ = conn.Write(r.body[:length])
}

// hijack takes the connection over; where that can't be, the server cuts it off.
func (p performance) hijack() net.Conn {
	conn, _, err := http.NewResponseController(p.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}
