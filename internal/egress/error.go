package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// Kind says what sort of failure an outgoing call met.
type Kind string

// The kinds of failure.
const (
	KindRefused  Kind = "refused"  // by the guard: the URL or its address may not be called; no packet left
	KindDNS      Kind = "dns"      // the host name has no address, or the resolver is away
	KindConnect  Kind = "connect"  // no connection: refused, unreachable, or not made in time
	KindTLS      Kind = "tls"      // no secure connection: certificate, protocol
	KindTimeout  Kind = "timeout"  // connected, no complete answer in time
	KindReset    Kind = "reset"    // the other side ended the connection before it answered
	KindProtocol Kind = "protocol" // the answer is no HTTP, or its headers are too large
	KindCanceled Kind = "canceled" // our own caller gave up
)

// Unsent tells whether the other side can't have seen any of the request, so that a quick second try is harmless.
func (k Kind) Unsent() bool {
	return k == KindDNS || k == KindConnect || k == KindTLS || k == KindRefused
}

// Error is a call that got no answer. Its text holds the kind and for refusals the address, never the URL.
type Error struct {
	Kind Kind
	Addr netip.Addr // the forbidden address of a refusal; may be invalid
	Err  error      // the cause, for logs
}

// Error gives a short sentence without URL, header or body.
func (e *Error) Error() string {
	switch e.Kind {
	case KindRefused:
		if e.Addr.IsValid() {
			return "refused: address " + e.Addr.String() + " is not public and no allowed network holds it"
		}
		return "refused: " + causeText(e.Err)
	case KindDNS:
		return "dns: the host name can't be resolved"
	case KindConnect:
		return "connect: " + connectText(e.Err)
	case KindTLS:
		return "tls: " + causeText(e.Err)
	case KindTimeout:
		return "timeout: no complete answer in time"
	case KindReset:
		return "reset: the connection was closed before an answer"
	case KindCanceled:
		return "canceled"
	}
	return "protocol: the answer is not valid HTTP"
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the first Error in the chain of err, "" when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func causeText(err error) string {
	if err == nil {
		return "not allowed"
	}
	return err.Error()
}

func connectText(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if isTimeout(err) {
		return "not connected in time"
	}
	return "no connection"
}

// classify gives err, as net/http returned it, its kind.
func classify(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Kind: KindCanceled, Err: err}
	case isTimeout(err):
		return &Error{Kind: KindTimeout, Err: err}
	case isReset(err):
		return &Error{Kind: KindReset, Err: err}
	}
	return &Error{Kind: KindProtocol, Err: err}
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func isReset(err error) bool {
	for _, known := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	_, isOp := errors.AsType[*net.OpError](err)
	return isOp || err.Error() == "http: server closed idle connection"
}
