package egress

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// ParseURL reads a URL that may be called: http or https, with a host, without fragment, at most 2048 bytes. User
// and password are allowed and become Basic authentication. The error says what is wrong without repeating the URL.
func ParseURL(raw string) (*url.URL, error) {
	if len(raw) > 2048 {
		return nil, fmt.Errorf("the URL is longer than 2048 bytes")
	}
	if strings.TrimSpace(raw) != raw || raw == "" {
		return nil, fmt.Errorf("the URL is empty or has spaces around it")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("the URL can't be read")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL must begin with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("the URL has no host")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("the URL must not have a fragment (#)")
	case strings.ContainsAny(u.Hostname(), " \t%"):
		return nil, fmt.Errorf("the URL's host is not valid")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("the URL's port is not valid")
		}
	}
	return u, nil
}

// Display gives u for logs and pages: scheme, host and path, never user, password or query.
func Display(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return shown.String()
}

// HostPort gives "host:port" of u, with the scheme's port where it names none; the form of Options.AllowHosts.
func HostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
