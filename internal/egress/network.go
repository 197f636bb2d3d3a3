package egress

import (
	"fmt"
	"net/netip"
)

// networks decides which addresses may be called.
type networks struct {
	allowed []netip.Prefix
}

// ParseNetworks reads CIDRs ("10.0.0.0/8") or single addresses ("127.0.0.1", the same as /32 or /128) that an
// operator opens. IPv4 written as IPv6 (::ffff:10.0.0.1) and zones are errors: such a range would never match.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range texts {
		prefix, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("network %q: %w", text, err)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Is4In6() || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("write it as a plain IPv4 or IPv6 address")
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("is no CIDR")
	}
	if prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("write it as a plain IPv4 range")
	}
	return prefix.Masked(), nil
}

// permit tells whether addr may be called: it is public, or an operator opened a range that holds it. A metadata
// address is opened only by itself, never by a wider range.
func (n networks) permit(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if inner, ok := embedded(addr); ok {
		return n.opened(addr) && (n.permit(inner) || n.exact(addr))
	}
	if isMetadata(addr) {
		return n.exact(addr)
	}
	return n.opened(addr) || isPublic(addr)
}

func (n networks) opened(addr netip.Addr) bool {
	for _, prefix := range n.allowed {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func (n networks) exact(addr netip.Addr) bool {
	for _, prefix := range n.allowed {
		if prefix.Addr() == addr && prefix.IsSingleIP() {
			return true
		}
	}
	return false
}

// isPublic tells whether addr is an ordinary address of the Internet. IPv6 outside 2000::/3 never is: that leaves
// out unspecified, loopback, compatible, NAT64, discard, unique local, link-local, site-local and multicast.
func isPublic(addr netip.Addr) bool {
	if addr.Is4() {
		return !contains(reserved4, addr)
	}
	return global6.Contains(addr) && !contains(reserved6, addr)
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func isMetadata(addr netip.Addr) bool {
	for _, known := range metadata {
		if known == addr {
			return true
		}
	}
	return false
}

// embedded gives the IPv4 address that an IPv6 address stands for by translation or tunnel: NAT64, 6to4, Teredo,
// compatible. Local-use NAT64 (64:ff9b:1::/48) has no fixed place for it and is not public anyway.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return netip.Addr{}, false
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case compatible.Contains(addr) && addr != netip.IPv6Unspecified() && addr != netip.IPv6Loopback():
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(addr):
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), true
	}
	return netip.Addr{}, false
}

var (
	global6    = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	compatible = netip.MustParsePrefix("::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
	teredo     = netip.MustParsePrefix("2001::/32")
)

// reserved4 and reserved6 are the special-purpose ranges of the IANA registries; reserved6 only inside 2000::/3.
var reserved4 = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("10.0.0.0/8"),      // private
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.31.196.0/24"), // AS112
	netip.MustParsePrefix("192.52.193.0/24"), // AMT
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("192.175.48.0/24"), // AS112
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
}

var reserved6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"),         // protocol assignments: Teredo, benchmarks, ORCHID
	netip.MustParsePrefix("2001:db8::/32"),     // documentation
	netip.MustParsePrefix("2002::/16"),         // 6to4
	netip.MustParsePrefix("2620:4f:8000::/48"), // AS112
	netip.MustParsePrefix("3fff::/20"),         // documentation
}

// metadata are the addresses where clouds hand out credentials to whoever asks from inside.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // AWS, Azure, Google, DigitalOcean, OpenStack, Oracle
	netip.MustParseAddr("169.254.169.253"), // AWS DNS
	netip.MustParseAddr("169.254.169.123"), // AWS time
	netip.MustParseAddr("169.254.170.2"),   // AWS ECS
	netip.MustParseAddr("169.254.170.23"),  // AWS EKS
	netip.MustParseAddr("169.254.0.23"),    // Tencent
	netip.MustParseAddr("169.254.42.42"),   // Scaleway
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure, although public
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd00:ec2::253"),   // AWS DNS
	netip.MustParseAddr("fd00:ec2::23"),    // AWS EKS
	netip.MustParseAddr("fd20:ce::254"),    // Google
	netip.MustParseAddr("fd00:42::42"),     // Scaleway
}
