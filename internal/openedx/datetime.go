package openedx

import "time"

// Python writes a datetime with a space by str() and with a T by isoformat(); both leave the fraction out when it is
// zero, write six digits otherwise, and write no offset for a naive time.
const (
	layoutWhole = "2006-01-02T15:04:05Z07:00"
	layoutNaive = "2006-01-02T15:04:05"
)

// withSeparator gives a datetime text with the separator 'T' or ' '; any other text stays as it is.
func withSeparator(text string, separator byte) string {
	if len(text) < len(layoutNaive) || text[10] == separator || text[10] != ' ' && text[10] != 'T' {
		return text
	}
	if _, ok := parseTime(text); !ok {
		return text
	}
	return text[:10] + string(separator) + text[11:]
}

// parseTime reads what Python writes, with either separator. A naive time is taken for UTC.
func parseTime(text string) (time.Time, bool) {
	if len(text) < len(layoutNaive) || text[10] != ' ' && text[10] != 'T' {
		return time.Time{}, false
	}
	iso := text[:10] + "T" + text[11:]
	for _, layout := range [...]string{layoutWhole, layoutNaive, "2006-01-02T15:04:05Z07:00:00"} {
		if t, err := time.Parse(layout, iso); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// pythonTime gives str() of an aware datetime in UTC: "2025-03-01 09:30:05.654321+00:00".
func pythonTime(t time.Time) string { return formatTime(t, "2006-01-02 15:04:05") }

// isoTime gives isoformat() of an aware datetime in UTC: "2025-03-01T09:30:05.654321+00:00".
func isoTime(t time.Time) string { return formatTime(t, layoutNaive) }

func formatTime(t time.Time, whole string) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() != 0 {
		whole += ".000000"
	}
	return t.Format(whole) + "+00:00"
}
