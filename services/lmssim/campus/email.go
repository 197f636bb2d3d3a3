package campus

import (
	"net/netip"
	"regexp"
	"strings"
)

var (
	localPart = regexp.MustCompile(`^(?i)([-!#$%&'*+/=?^_` + "`" + `{}|~0-9A-Z]+(\.[-!#$%&'*+/=?^_` + "`" + `{}|~0-9A-Z]+)*` +
		`|"([\x01-\x08\x0b\x0c\x0e-\x1f!#-\[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*")$`)
	domainPart = regexp.MustCompile(`^(?i)([\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{1,62}[\p{L}\p{N}]$`)
)

// ValidEmail tells whether the platform takes text for an e-mail address.
func ValidEmail(text string) bool {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || len(text) > 320 {
		return false
	}
	local, domain := text[:at], text[at+1:]
	if !localPart.MatchString(local) {
		return false
	}
	if domain == "localhost" || domainPart.MatchString(domain) {
		return true
	}
	if inner, ok := strings.CutPrefix(domain, "["); ok && strings.HasSuffix(inner, "]") {
		_, err := netip.ParseAddr(strings.TrimPrefix(strings.TrimSuffix(inner, "]"), "IPv6:"))
		return err == nil
	}
	return false
}
