package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

func functions() template.FuncMap {
	return template.FuncMap{
		"age": age, "ageOf": ageOf, "next": next, "soft": soft, "moment": fullTime, "tone": tone, "body": readable, "path": url.PathEscape, "query": url.QueryEscape,
		"rows":  func(rows any, now time.Time) any { return struct{ Rows, Now any }{rows, now} },
		"chart": drawChart, "lines": drawLines, "left": timeLeft, "chosen": chosenBy,
		"address": func(term string) bool { return strings.Contains(term, "@") }, "join": strings.Join, "text": func(v any) string { return fmt.Sprint(v) }, "texts": texts[relay.Duration], "number": thousands,
		"percent": func(part, whole int64) int64 {
			if whole <= 0 {
				return 0
			}
			return min(100, 100*part/whole)
		},
	}
}

// age writes how long ago something was; the script keeps it counting.
func age(at, now time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	return template.HTML(fmt.Sprintf(`<time data-age datetime="%s" title="%s" class="nowrap">%s</time>`,
		at.UTC().Format(time.RFC3339Nano), fullTime(at), span(now.Sub(at))))
}

func ageOf(at *time.Time, now time.Time) template.HTML {
	if at == nil {
		return ""
	}
	return age(*at, now)
}

// next is ageOf of what is to come: once its time has come it is due, however long it waits for its turn.
func next(at *time.Time, now time.Time) template.HTML {
	if at == nil {
		return ""
	}
	text := "due"
	if at.After(now) {
		text = span(now.Sub(*at))
	}
	return template.HTML(fmt.Sprintf(`<time data-age data-due datetime="%s" title="%s" class="nowrap">%s</time>`,
		at.UTC().Format(time.RFC3339Nano), fullTime(*at), text))
}

// soft lets a long name break behind its dots and the sign of an address rather than in a word.
func soft(name string) template.HTML {
	return template.HTML(strings.NewReplacer(".", ".<wbr>", "@", "<wbr>@").Replace(template.HTMLEscapeString(name)))
}

func texts[T any](list []T) []string {
	var all []string
	for _, one := range list {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

func span(d time.Duration) string {
	size, past := d, d > 0
	if !past {
		size = -d
	}
	text := ""
	switch {
	case size < time.Second:
		return "just now"
	case size < time.Minute:
		text = fmt.Sprintf("%ds", size/time.Second)
	case size < time.Hour:
		text = fmt.Sprintf("%dm", size/time.Minute)
	case size < 24*time.Hour:
		text = fmt.Sprintf("%dh", size/time.Hour)
	default:
		text = fmt.Sprintf("%dd", size/(24*time.Hour))
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

func fullTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// tone gives a state its colour: what is well, what waits, what a person must see.
func tone(state any) string {
	switch fmt.Sprint(state) {
	case "done", "enrolled", "allowed", "unenrolled", "delivered", "active", "ready", "enabled", "ok", "good":
		return "good"
	case "waiting", "accepted", "running", "paused", "failing", "down", "wait", "incomplete":
		return "wait"
	case "parked", "rejected", "disabled", "failed", "refused", "revoked", "bad":
		return "bad"
	}
	return ""
}

const maxShown = 256 << 10

// readable lays a payload out for people; what is no text is only named.
func readable(m *relay.LogEntry) string {
	if m.Encoding != "utf-8" {
		return fmt.Sprintf("%d bytes that are no text.", len(m.Body)/4*3)
	}
	text := m.Body
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") == nil {
		text = out.String()
	}
	if len(text) > maxShown {
		text = text[:maxShown] + "\n… " + thousands(len(text)-maxShown) + " more bytes"
	}
	return text
}

func thousands(n any) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// timeLeft guesses how long a replay takes yet; "" when it does not run or nobody knows.
func timeLeft(r relay.Replay) string {
	if r.State != relay.ReplayRunning || r.Left == nil {
		return ""
	}
	d := time.Duration(*r.Left * float64(time.Second))
	if d < time.Second {
		return "nearly done"
	}
	return "about " + strings.TrimSuffix(span(d), " ago") + " left"
}

// chosenBy tells what a replay was asked for, in a line.
func chosenBy(ask relay.ReplayRequest) string {
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"", ask.Type}, {"", ask.Subject}, {"source ", ask.Source}, {"", ask.State}, {"reason ", ask.Reason}, {"", ask.Course}, {"", ask.Learner},
	} {
		if part.value != "" {
			parts = append(parts, part.name+part.value)
		}
	}
	if !ask.Since.IsZero() {
		parts = append(parts, "since "+fullTime(ask.Since))
	}
	if !ask.Until.IsZero() {
		parts = append(parts, "until "+fullTime(ask.Until))
	}
	if ask.Rate > 0 {
		parts = append(parts, fmt.Sprintf("at %g a second", ask.Rate))
	}
	return strings.Join(parts, " · ")
}
