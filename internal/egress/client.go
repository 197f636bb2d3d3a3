package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Options of a Client. The zero value calls public addresses only and goes through no proxy.
type Options struct {
	AllowNetworks  []netip.Prefix // ranges opened beside the public ones; metadata addresses only as /32 or /128
	AllowHosts     []string       // "host:port" from the configuration, called whatever their address is
	Proxy          *url.URL       // nil: none; the environment is never asked
	UserAgent      string         // default "edrelay"
	ConnectTimeout time.Duration  // name, connection and handshake; default 5 s
	Timeout        time.Duration  // whole call where a Request gives none; default 30 s
	IdlePerHost    int            // kept connections to one host; default 256
	TLS            *tls.Config    // roots and such; may be nil
	Resolver       Resolver       // default the Go resolver
}

// Client calls URLs that strangers or operators gave us. Safe for concurrent use; make one and share it.
type Client struct {
	transport *http.Transport
	dialer    *dialer
	proxied   bool
	userAgent []string
	timeout   time.Duration
}

// New makes a Client. A proxy that is neither http nor https is an error.
func New(o Options) (*Client, error) {
	if o.TLS == nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if o.Resolver == nil {
		o.Resolver = &net.Resolver{PreferGo: true}
	}
	guard := &dialer{
		networks: networks{allowed: o.AllowNetworks},
		trusted:  make(map[string]bool, len(o.AllowHosts)+1),
		resolver: o.Resolver,
		timeout:  orDuration(o.ConnectTimeout, 5*time.Second),
		tls:      o.TLS,
	}
	for _, host := range o.AllowHosts {
		guard.trusted[host] = true
	}
	transport := &http.Transport{
		DialContext:            guard.dial,
		DialTLSContext:         guard.dialTLS,
		TLSClientConfig:        o.TLS,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    orInt(o.IdlePerHost, 256),
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ExpectContinueTimeout:  time.Second,
	}
	if o.Proxy != nil {
		if o.Proxy.Scheme != "http" && o.Proxy.Scheme != "https" || o.Proxy.Host == "" {
			return nil, errors.New("the proxy must be an http or https URL")
		}
		guard.trusted[HostPort(o.Proxy)] = true
		transport.Proxy = http.ProxyURL(o.Proxy)
	}
	return &Client{
		transport: transport,
		dialer:    guard,
		proxied:   o.Proxy != nil,
		userAgent: []string{orText(o.UserAgent, "edrelay")},
		timeout:   orDuration(o.Timeout, 30*time.Second),
	}, nil
}

// CloseIdle closes the kept connections.
func (c *Client) CloseIdle() { c.transport.CloseIdleConnections() }

// Check tells, before any call, whether the addresses of u may be called now: nil, or an *Error of kind refused or
// dns. Do judges again, on the address really used.
func (c *Client) Check(ctx context.Context, u *url.URL) error {
	if c.dialer.trusted[HostPort(u)] {
		return nil
	}
	_, err := c.dialer.addresses(ctx, u.Hostname())
	return err
}

// refuseProxied judges a target that the proxy, and not our own dialer, will connect to. A name that only the proxy
// can resolve is left to it.
func (c *Client) refuseProxied(ctx context.Context, u *url.URL) error {
	if err := c.Check(ctx, u); KindOf(err) == KindRefused {
		return err
	}
	return nil
}

func orDuration(given, otherwise time.Duration) time.Duration {
	if given > 0 {
		return given
	}
	return otherwise
}

func orInt(given, otherwise int) int {
	if given > 0 {
		return given
	}
	return otherwise
}

func orText(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}
