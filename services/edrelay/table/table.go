// Package table writes rows for people: aligned, coloured only on a terminal, never letting what a stranger sent
// command the terminal.
package table

import (
	"io"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Color is how a cell is drawn on a terminal.
type Color string

// The colours: what a person must see is red, what waits is yellow, what is done is green.
const (
	Plain  Color = ""
	Good   Color = "\x1b[32m"
	Wait   Color = "\x1b[33m"
	Bad    Color = "\x1b[31m"
	Faint  Color = "\x1b[2m"
	bold         = "\x1b[1m"
	normal       = "\x1b[0m"
)

// Column is one column of a table of T.
type Column[T any] struct {
	Title string
	Text  func(T) string
	Color func(T) Color // nil: plain
	Right bool          // numbers
	Wide  bool          // gives way first when the terminal is narrow
}

// Screen is what a table is written to.
type Screen struct {
	Out   io.Writer
	Color bool
	Width int // columns; 0: no limit
}

const gap = 2

// Write writes the rows below their titles. Text is made harmless first.
func Write[T any](s Screen, rows []T, columns []Column[T]) error {
	cells := make([][]string, len(rows))
	widths := make([]int, len(columns))
	for i, col := range columns {
		widths[i] = runewidth.StringWidth(col.Title)
	}
	for r, row := range rows {
		cells[r] = make([]string, len(columns))
		for i, col := range columns {
			cells[r][i] = Clean(col.Text(row))
			widths[i] = max(widths[i], runewidth.StringWidth(cells[r][i]))
		}
	}
	fit(widths, columns, s.Width)
	var out strings.Builder
	titles := make([]string, len(columns))
	for i, col := range columns {
		titles[i] = col.Title
	}
	line(&out, titles, widths, columns, func(int) Color { return bold }, s.Color)
	for r, row := range rows {
		line(&out, cells[r], widths, columns, func(i int) Color {
			if columns[i].Color == nil {
				return Plain
			}
			return columns[i].Color(row)
		}, s.Color)
	}
	_, err := io.WriteString(s.Out, out.String())
	return err
}

// fit narrows the wide columns until the table fits, the widest first, down to a width that still tells something.
func fit[T any](widths []int, columns []Column[T], limit int) {
	const least = 12
	if limit <= 0 {
		return
	}
	total := -gap
	for _, w := range widths {
		total += w + gap
	}
	for total > limit {
		widest := -1
		for i, col := range columns {
			if col.Wide && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
		total--
	}
}

func line[T any](out *strings.Builder, cells []string, widths []int, columns []Column[T], color func(int) Color, colored bool) {
	var text strings.Builder
	for i, cell := range cells {
		cell = runewidth.Truncate(cell, widths[i], "…")
		space := strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell))
		if c := color(i); colored && c != Plain && cell != "" {
			cell = string(c) + cell + normal
		}
		switch {
		case columns[i].Right:
			text.WriteString(space + cell)
		case i < len(cells)-1:
			text.WriteString(cell + space)
		default:
			text.WriteString(cell)
		}
		if i < len(cells)-1 {
			text.WriteString(strings.Repeat(" ", gap))
		}
	}
	out.WriteString(strings.TrimRight(text.String(), " ") + "\n")
}

// Clean makes text that a stranger sent harmless for a terminal: control and direction characters become "·", line
// breaks a space.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			return '·'
		}
		return r
	}, text)
}
