package table_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mattn/go-runewidth"
	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/services/edrelay/table"
)

type pair struct{ name, note string }

var columns = []table.Column[pair]{
	{Title: "NAME", Text: func(p pair) string { return p.name }, Color: func(pair) table.Color { return table.Bad }},
	{Title: "N", Text: func(pair) string { return "7" }, Right: true},
	{Title: "NOTE", Text: func(p pair) string { return p.note }, Wide: true},
}

func write(t interface{ Fatal(...any) }, s table.Screen, rows ...pair) string {
	var out strings.Builder
	s.Out = &out
	if err := table.Write(s, rows, columns); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestColumnsStandBelowTheirTitles(t *testing.T) {
	t.Parallel()
	got := write(t, table.Screen{}, pair{"a", "x"}, pair{"日本語", ""})
	want := "NAME    N  NOTE\na       7  x\n日本語  7\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestColoursAreOnlyForTerminals(t *testing.T) {
	t.Parallel()
	if strings.Contains(write(t, table.Screen{}, pair{"a", "x"}), "\x1b") {
		t.Error("coloured without a terminal")
	}
	if !strings.Contains(write(t, table.Screen{Color: true}, pair{"a", "x"}), "\x1b[31ma\x1b[0m") {
		t.Error("not coloured on a terminal")
	}
}

func TestNoRowCommandsTheTerminalOrBreaksTheTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		row := pair{rapid.String().Draw(rt, "name"), rapid.String().Draw(rt, "note")}
		width := rapid.IntRange(0, 120).Draw(rt, "width")
		got := write(rt, table.Screen{Width: width}, row)
		if strings.Count(got, "\n") != 2 {
			rt.Fatalf("%q has not two lines", got)
		}
		for _, r := range strings.ReplaceAll(got, "\n", "") {
			if unicode.IsControl(r) {
				rt.Fatalf("control character %U gets out", r)
			}
		}
	})
}

func TestANarrowTerminalShortensTheWideColumn(t *testing.T) {
	t.Parallel()
	got := write(t, table.Screen{Width: 30}, pair{"short", strings.Repeat("long ", 20)})
	for line := range strings.Lines(got) {
		if runewidth.StringWidth(strings.TrimSuffix(line, "\n")) > 30 {
			t.Errorf("%q is too wide", line)
		}
	}
	if !strings.Contains(got, "…") {
		t.Errorf("nothing says that text is missing: %q", got)
	}
}

func TestDurationsAreReadable(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0ms", 850 * time.Millisecond: "850ms", 42 * time.Second: "42s", 90 * time.Second: "1m30s", 12*time.Minute + 9*time.Second: "12m",
		3 * time.Hour: "3h", 26 * time.Hour: "1d2h", 240 * time.Hour: "10d",
	} {
		if got := table.Duration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	now := time.Now()
	for at, want := range map[time.Time]string{
		{}: "–", now: "just now", now.Add(-time.Minute): "1m ago", now.Add(5 * time.Minute): "in 5m",
	} {
		if got := table.Age(at, now); got != want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
}
