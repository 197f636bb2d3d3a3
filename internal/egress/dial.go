package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Resolver looks host names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dialer makes connections to permitted addresses. An address is judged twice: all addresses of the name before
// the first packet, and the address really used in the moment of connecting.
type dialer struct {
	networks networks
	trusted  map[string]bool // host:port pairs from the configuration, not judged
	resolver Resolver
	timeout  time.Duration // for name, connection and handshake together
	tls      *tls.Config
}

// dial connects to host:port, or fails with an *Error of kind refused, dns or connect.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return d.connect(ctx, network, address)
}

// dialTLS is dial and the handshake; failures of the latter have kind tls.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := d.tls.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if errors.Is(err, context.Canceled) {
			return nil, &Error{Kind: KindCanceled, Err: err}
		}
		return nil, &Error{Kind: KindTLS, Err: err}
	}
	return secure, nil
}

func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.trusted[strings.ToLower(address)] {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, dialError(err)
		}
		return conn, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Error{Kind: KindRefused, Err: errors.New("the address has no host and port")}
	}
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var last error
	for i, addr := range addrs {
		guarded := &net.Dialer{ControlContext: d.control, Deadline: share(ctx, len(addrs)-i)}
		conn, err := guarded.DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, dialError(last)
}

// share gives the next of n addresses its part of the time that is left, so that one that swallows packets doesn't keep
// the others from being tried.
func share(ctx context.Context, n int) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	return time.Now().Add(time.Until(deadline) / time.Duration(n))
}

// addresses gives the addresses of host; one forbidden among them forbids the host.
func (d *dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
		if !d.networks.permit(addr) {
			return nil, &Error{Kind: KindRefused, Addr: addr}
		}
	}
	return addrs, nil
}

func (d *dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Is4In6() || addr.Zone() != "" {
			return nil, &Error{Kind: KindRefused, Addr: addr}
		}
		return []netip.Addr{addr}, nil
	}
	addrs, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, &Error{Kind: KindCanceled, Err: err}
		}
		return nil, &Error{Kind: KindDNS, Err: err}
	}
	if len(addrs) == 0 {
		return nil, &Error{Kind: KindDNS, Err: errors.New("no addresses")}
	}
	return addrs, nil
}

// control is called with the address that the socket is about to connect to.
func (d *dialer) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	pair, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Kind: KindRefused, Err: errors.New("the address is no IP address")}
	}
	if !d.networks.permit(pair.Addr()) {
		return &Error{Kind: KindRefused, Addr: pair.Addr()}
	}
	return nil
}

func dialError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch _, isDNS := errors.AsType[*net.DNSError](err); {
	case isDNS:
		return &Error{Kind: KindDNS, Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: KindCanceled, Err: err}
	}
	return &Error{Kind: KindConnect, Err: err}
}
