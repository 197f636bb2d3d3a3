package web

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// drawLines draws numbers over time as lines: one point a step, a gap where nothing was counted. Lines are given as
// "name:class"; unit is "" or "ms".
func drawLines(slots []relay.Slot, since, now time.Time, step time.Duration, about, unit string, lines ...string) template.HTML {
	counts := byStep(slots, since, now, step)
	steps, top := len(counts), 0
	if steps == 0 {
		return ""
	}
	for _, slot := range counts {
		for _, n := range slot {
			top = max(top, n)
		}
	}
	scale := niceTop(top)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="chart" viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(about))
	drawRulesIn(&out, scale, unit)
	width := (chartWidth - chartLeft) / float64(steps)
	for _, line := range lines {
		name, class, _ := strings.Cut(line, ":")
		drawLine(&out, counts, name, class, width, scale)
	}
	for i, slot := range counts {
		if slot != nil {
			drawReading(&out, chartLeft+float64(i)*width, width, slot, since.Add(time.Duration(i)*step), unit, lines)
		}
	}
	drawHours(&out, since, steps, step, width)
	drawNothing(&out, top)
	out.WriteString(`</svg>`)
	return template.HTML(out.String())
}

// drawLine draws one line, broken at gaps; a point alone is a dot.
func drawLine(out *strings.Builder, counts []map[string]int, name, class string, width, scale float64) {
	at := func(i int) (x, y float64) {
		return chartLeft + (float64(i)+.5)*width, chartTop + plotHeight*(1-float64(counts[i][name])/scale)
	}
	for i := 0; i < len(counts); i++ {
		if counts[i] == nil {
			continue
		}
		x, y := at(i)
		if i+1 == len(counts) || counts[i+1] == nil {
			fmt.Fprintf(out, `<circle class="%s" cx="%.1f" cy="%.1f" r="2.5"/>`, class, x, y)
			continue
		}
		fmt.Fprintf(out, `<path class="line %s" d="M%.1f %.1f`, class, x, y)
		for i+1 < len(counts) && counts[i+1] != nil {
			i++
			x, y = at(i)
			fmt.Fprintf(out, "L%.1f %.1f", x, y)
		}
		out.WriteString(`"/>`)
	}
}

// drawReading makes the numbers of one step readable under the pointer.
func drawReading(out *strings.Builder, x, width float64, counts map[string]int, at time.Time, unit string, lines []string) {
	title := at.UTC().Format("15:04 UTC")
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		title += fmt.Sprintf(", %s %s", name, inUnit(float64(counts[name]), unit))
	}
	fmt.Fprintf(out, `<g><rect class="slot" x="%.1f" y="%g" width="%.1f" height="%g"/><title>%s</title></g>`, x, chartTop, width, plotHeight, template.HTMLEscapeString(title))
}

// inUnit writes a number of the axis.
func inUnit(n float64, unit string) string {
	switch {
	case unit == "ms" && n >= 60_000:
		return fmt.Sprintf("%.3g min", n/60_000)
	case unit == "ms" && n >= 1000:
		return fmt.Sprintf("%.3g s", n/1000)
	case unit == "ms":
		return fmt.Sprintf("%.3g ms", n)
	}
	return shortNumber(n)
}
