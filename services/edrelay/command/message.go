package command

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

// fetch reads one resource of the running edrelay.
func (a *App) fetch(ctx context.Context, path string, into any) error {
	c, err := a.remote()
	if err != nil {
		return err
	}
	return c.Get(ctx, path, nil, into)
}

// printPayload writes the bytes of a message and nothing else.
func (a *App) printPayload(m *relay.LogEntry) error {
	if m == nil {
		return &relay.Error{Code: relay.CodeNotFound, Message: "the log keeps this payload no longer", Hint: "nats.retention says how long it does"}
	}
	body := []byte(m.Body)
	if m.Encoding == "base64" {
		raw, err := base64.StdEncoding.DecodeString(m.Body)
		if err != nil {
			return fmt.Errorf("decode payload: %w", err)
		}
		body = raw
	}
	_, err := a.Out.Write(body)
	return err
}

// printMessage writes headers and payload for people.
func (a *App) printMessage(m *relay.LogEntry) error {
	if m == nil {
		return nil
	}
	fmt.Fprintln(a.Out)
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		fmt.Fprintf(a.Out, "%s: %s\n", table.Clean(name), table.Clean(m.Headers[name]))
	}
	fmt.Fprintf(a.Out, "\n%s\n", readable(m))
	return nil
}

// readable lays JSON out and makes everything harmless for the terminal; bytes that are no text are only counted.
func readable(m *relay.LogEntry) string {
	if m.Encoding == "base64" {
		return fmt.Sprintf("(%d bytes that are no text; --payload prints them)", len(m.Body)/4*3)
	}
	text := m.Body
	var laidOut bytes.Buffer
	if json.Indent(&laidOut, []byte(text), "", "  ") == nil {
		text = laidOut.String()
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		lines[i] = line[:indent] + table.Clean(line[indent:])
	}
	return strings.Join(lines, "\n")
}
