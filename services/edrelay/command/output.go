package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/edrelay/edrelay/services/edrelay/table"
)

// wantsJSON tells whether programs read the output.
func (a *App) wantsJSON() bool { return a.output == "json" }

// screen is where tables go: coloured and as wide as the terminal, when it is one.
func (a *App) screen() table.Screen {
	s := table.Screen{Out: a.Out}
	if file, ok := a.Out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.Color = a.env("NO_COLOR", "") == "" && a.env("TERM", "") != "dumb"
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			s.Width = width
		}
	}
	return s
}

// now is the time that ages are told from.
func (a *App) now() time.Time { return time.Now() }

// terminal tells whether a person looks at the output.
func (a *App) terminal() bool {
	file, ok := a.Out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// printJSON writes a value for programs, readable for people who look at it all the same.
func (a *App) printJSON(value any) error {
	encoder := json.NewEncoder(a.Out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// note writes a remark to stderr, where it disturbs no program.
func (a *App) note(format string, args ...any) { fmt.Fprintf(a.Err, format+"\n", args...) }

// field is one line of what a show command prints.
type field struct {
	name, text string
	color      table.Color
}

// printFields writes names and texts below one another; empty texts are left out.
func (a *App) printFields(fields []field) error {
	var kept []field
	for _, f := range fields {
		if strings.TrimSpace(f.text) != "" {
			kept = append(kept, f)
		}
	}
	s := a.screen()
	var out strings.Builder
	for _, f := range kept {
		text := table.Clean(f.text)
		if s.Color && f.color != table.Plain {
			text = string(f.color) + text + "\x1b[0m"
		}
		fmt.Fprintf(&out, "%-16s %s\n", f.name, text)
	}
	_, err := fmt.Fprint(a.Out, out.String())
	return err
}

// stateColor gives every state of the vocabulary its colour.
func stateColor(state string) table.Color {
	switch state {
	case "done", "enrolled", "allowed", "unenrolled", "delivered", "active", "ready", "enabled":
		return table.Good
	case "waiting", "accepted", "running", "paused", "failing":
		return table.Wait
	case "parked", "rejected", "disabled", "failed", "revoked", "refused":
		return table.Bad
	}
	return table.Faint
}
