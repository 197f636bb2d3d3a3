package table

import (
	"strconv"
	"time"
)

// Age says how long ago something was, or how soon it will be: "just now", "42s ago", "3h ago", "in 5m".
func Age(at, now time.Time) string {
	if at.IsZero() {
		return "–"
	}
	d := now.Sub(at)
	switch {
	case d >= time.Second:
		return Duration(d) + " ago"
	case d <= -time.Second:
		return "in " + Duration(-d)
	}
	return "just now"
}

// Until is Age of a time that may not be there.
func Until(at *time.Time, now time.Time) string {
	if at == nil {
		return "–"
	}
	return Age(*at, now)
}

// Next is Until of something to come: once its time has come it is due, however long it waits for its turn.
func Next(at *time.Time, now time.Time) string {
	if at != nil && !at.After(now) {
		return "due"
	}
	return Until(at, now)
}

// Duration is a duration in its greatest unit, or two while the first is small: "850ms", "42s", "1m30s", "3h", "2d".
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return whole(d, time.Second, "s")
	case d < time.Hour:
		return two(d, time.Minute, "m", time.Second, "s")
	case d < day:
		return two(d, time.Hour, "h", time.Minute, "m")
	}
	return two(d, day, "d", time.Hour, "h")
}

func whole(d, unit time.Duration, name string) string {
	return strconv.FormatInt(int64(d/unit), 10) + name
}

func two(d, unit time.Duration, name string, small time.Duration, smallName string) string {
	text := whole(d, unit, name)
	if rest := d % unit; d/unit < 10 && rest >= small {
		text += whole(rest, small, smallName)
	}
	return text
}
