package openedx

import (
	"cmp"
	"strconv"
	"strings"
)

// version is a release of openedx-events as it stands in sourcelib; the zero version comes before all.
type version [3]int

// newest comes after every release.
func newest() version { return version{1 << 30} }

// parseVersion reads "10.5.0"; ok is false for a text that is no release.
func parseVersion(text string) (v version, ok bool) {
	parts := strings.Split(text, ".")
	for i := range v {
		if i >= len(parts) {
			break
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 {
			return version{}, false
		}
		v[i] = n
	}
	return v, text != ""
}

func (v version) compare(other version) int {
	for i := range v {
		if c := cmp.Compare(v[i], other[i]); c != 0 {
			return c
		}
	}
	return 0
}
