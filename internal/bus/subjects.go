package bus

import (
	"slices"
	"strings"
)

// joinSubjects drops subjects that another one of them covers, because the server refuses a consumer whose subjects
// overlap. Two that overlap without one covering the other become the smallest one that covers both.
func joinSubjects(subjects []string) []string {
	kept := slices.Clone(subjects)
	slices.Sort(kept)
	kept = slices.Compact(kept)
	for again := true; again; {
		kept, again = joinOnce(kept)
	}
	return kept
}

func joinOnce(subjects []string) ([]string, bool) {
	for i, a := range subjects {
		for j := i + 1; j < len(subjects); j++ {
			if b := subjects[j]; overlap(a, b) {
				rest := slices.Delete(slices.Delete(slices.Clone(subjects), j, j+1), i, i+1)
				return append(rest, cover(a, b)), true
			}
		}
	}
	return subjects, false
}

// overlap tells whether some subject matches both patterns.
func overlap(a, b string) bool {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; ; i++ {
		if i == len(left) || i == len(right) {
			return len(left) == len(right)
		}
		if left[i] == ">" || right[i] == ">" {
			return true
		}
		if left[i] != right[i] && left[i] != "*" && right[i] != "*" {
			return false
		}
	}
}

// cover gives a pattern that matches whatever a or b matches.
func cover(a, b string) string {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	var out []string
	for i := 0; i < len(left) && i < len(right); i++ {
		switch {
		case left[i] == ">" || right[i] == ">":
			return strings.Join(append(out, ">"), ".")
		case left[i] == right[i]:
			out = append(out, left[i])
		default:
			out = append(out, "*")
		}
	}
	return strings.Join(out, ".")
}
