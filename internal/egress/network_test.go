package egress

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestOnlyPublicAddressesArePermittedByDefault(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1",
		"100.64.0.1", "100.127.255.255", "100.100.100.200", "169.254.169.254", "169.254.1.1", "168.63.129.16",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "192.88.99.1",
		"224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
		"2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1",
		"fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "4000::1",
	} {
		if (networks{}).permit(netip.MustParseAddr(text)) {
			t.Errorf("%s is permitted", text)
		}
	}
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888"} {
		if !(networks{}).permit(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
}

func TestAllowedNetworksOpenRangesButNeverMetadata(t *testing.T) {
	t.Parallel()
	cases := []struct {
		allow []string
		addr  string
		want  bool
	}{
		{[]string{"10.0.0.0/8"}, "10.9.8.7", true},
		{[]string{"10.0.0.0/8"}, "11.0.0.1", true},
		{[]string{"10.0.0.0/8"}, "192.168.0.1", false},
		{[]string{"127.0.0.1"}, "127.0.0.1", true},
		{[]string{"127.0.0.1"}, "127.0.0.2", false},
		{[]string{"127.0.0.0/8"}, "::ffff:127.0.0.1", true},
		{[]string{"::1/128"}, "::1", true},
		{[]string{"0.0.0.0/0", "::/0"}, "169.254.169.254", false},
		{[]string{"169.254.0.0/16"}, "169.254.169.254", false},
		{[]string{"169.254.0.0/16"}, "169.254.1.1", true},
		{[]string{"169.254.169.254/31"}, "169.254.169.254", false},
		{[]string{"169.254.169.254/32"}, "169.254.169.254", true},
		{[]string{"169.254.169.254/32"}, "::ffff:169.254.169.254", true},
		{[]string{"100.64.0.0/10"}, "100.100.100.200", false},
		{[]string{"fc00::/7"}, "fd00:ec2::254", false},
		{[]string{"fd00:ec2::254"}, "fd00:ec2::254", true},
		{[]string{"64:ff9b::/96"}, "64:ff9b::808:808", true},
		{[]string{"64:ff9b::/96"}, "64:ff9b::a9fe:a9fe", false},
		{[]string{"64:ff9b::/96"}, "64:ff9b::a00:1", false},
		{[]string{"64:ff9b::/96", "10.0.0.0/8"}, "64:ff9b::a00:1", true},
		{[]string{"2002::/16"}, "2002:a9fe:a9fe::1", false},
		{[]string{"::/0"}, "::ffff:169.254.169.254", false},
	}
	for _, c := range cases {
		prefixes, err := ParseNetworks(c.allow)
		if err != nil {
			t.Fatalf("%v: %v", c.allow, err)
		}
		if got := (networks{allowed: prefixes}).permit(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("allow %v, address %s: permitted %v, want %v", c.allow, c.addr, got, c.want)
		}
	}
}

func TestSenselessNetworksAreErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "10.0.0.0/33", "localhost", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.0/8 "} {
		if _, err := ParseNetworks([]string{text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Whatever IPv6 spelling carries a private IPv4 address, it is refused.
func TestEmbeddedPrivateAddressesStayRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		inner := rapid.SampledFrom([][4]byte{{127, 0, 0, 1}, {10, 0, 0, 1}, {169, 254, 169, 254}, {192, 168, 1, 1}, {100, 64, 0, 1}}).Draw(t, "inner")
		var b [16]byte
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			copy(b[:], []byte{0, 0x64, 0xff, 0x9b})
			copy(b[12:], inner[:])
		case 1:
			copy(b[:], []byte{0x20, 0x02})
			copy(b[2:], inner[:])
		case 2:
			b[10], b[11] = 0xff, 0xff
			copy(b[12:], inner[:])
		case 3:
			copy(b[12:], inner[:])
		}
		wide := []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("::/96")}
		if (networks{allowed: wide}).permit(netip.AddrFrom16(b)) {
			t.Fatalf("%v is permitted", netip.AddrFrom16(b))
		}
	})
}
