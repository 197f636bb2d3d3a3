package webfilter

import (
	"regexp"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
)

// passwordHash is how Django writes one, wherever it stands in a text.
var passwordHash = regexp.MustCompile(`\b(pbkdf2_sha\d+|argon2(id?|)|bcrypt(_sha\d+)?|scrypt|md5|sha1)\$[^\s"'&]+`)

// stripSecrets takes members that hold secrets out of o, at any depth; extra are further names of such members.
func stripSecrets(o *pyjson.Object, extra []string) {
	var gone []string
	for key, value := range o.All() {
		if openedx.SecretField(key) || slices.Contains(extra, strings.ToLower(key)) {
			gone = append(gone, key)
			continue
		}
		if cleaned, changed := withoutSecrets(value, extra); changed {
			o.Set(key, cleaned)
		}
	}
	for _, key := range gone {
		o.Delete(key)
	}
}

func withoutSecrets(value pyjson.Value, extra []string) (pyjson.Value, bool) {
	switch v := value.(type) {
	case *pyjson.Object:
		stripSecrets(v, extra)
	case pyjson.Array:
		for i := range v {
			if cleaned, changed := withoutSecrets(v[i], extra); changed {
				v[i] = cleaned
			}
		}
	case string:
		if strings.Contains(v, "$") && passwordHash.MatchString(v) {
			return passwordHash.ReplaceAllString(v, "***"), true
		}
	}
	return value, false
}
