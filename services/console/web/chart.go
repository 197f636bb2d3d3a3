package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// The size of a chart in its own units; the page scales it.
const (
	chartWidth  = 720.0
	chartHeight = 190.0
	chartLeft   = 44.0
	chartTop    = 8.0
	chartFoot   = 20.0
)

// byStep gives the counts of each step from since to now, nil where there are none; empty when no chart can show the steps.
func byStep(slots []relay.Slot, since, now time.Time, step time.Duration) []map[string]int {
	steps := int(now.Sub(since)/step) + 1
	if steps < 1 || steps > 1000 {
		return nil
	}
	counts := make([]map[string]int, steps)
	for _, slot := range slots {
		if i := int(slot.At.Sub(since) / step); i >= 0 && i < steps {
			counts[i] = slot.Counts
		}
	}
	return counts
}

// drawChart draws counts over time as stacked bars: one bar a step from since to now, the states from the bottom up in
// the order and with the classes given as "state:class".
func drawChart(slots []relay.Slot, since, now time.Time, step time.Duration, about string, stack ...string) template.HTML {
	counts := byStep(slots, since, now, step)
	steps, top := len(counts), 0
	if steps == 0 {
		return ""
	}
	for _, slot := range counts {
		top = max(top, total(slot, stack))
	}
	scale := niceTop(top)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="chart" viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(about))
	drawRules(&out, scale)
	width := (chartWidth - chartLeft) / float64(steps)
	for i := range steps {
		drawBar(&out, chartLeft+float64(i)*width, width, counts[i], scale, since.Add(time.Duration(i)*step), stack)
	}
	drawHours(&out, since, steps, step, width)
	drawNothing(&out, top)
	out.WriteString(`</svg>`)
	return template.HTML(out.String())
}

// drawNothing says that there is nothing, where bars and lines would be.
func drawNothing(out *strings.Builder, top int) {
	if top == 0 {
		fmt.Fprintf(out, `<text x="%g" y="%g" text-anchor="middle">none</text>`, chartLeft+(chartWidth-chartLeft)/2, chartTop+plotHeight/2)
	}
}

func total(counts map[string]int, stack []string) (sum int) {
	for _, layer := range stack {
		state, _, _ := strings.Cut(layer, ":")
		sum += counts[state]
	}
	return sum
}

// niceTop gives the least of 4, 6, 8, 10, 20, 40 … that holds the highest bar.
func niceTop(top int) float64 {
	for size := 1.0; ; size *= 10 {
		for _, step := range []float64{1, 2, 4, 6, 8} {
			if nice := size * step; nice >= 4 && nice >= float64(top) {
				return nice
			}
		}
	}
}

const plotHeight = chartHeight - chartTop - chartFoot

func drawRules(out *strings.Builder, scale float64) { drawRulesIn(out, scale, "") }

func drawRulesIn(out *strings.Builder, scale float64, unit string) {
	for _, part := range []float64{0, .5, 1} {
		y := chartTop + plotHeight*(1-part)
		class := "rule"
		if part == 0 {
			class = "base"
		}
		fmt.Fprintf(out, `<line class="%s" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`,
			class, chartLeft, chartWidth, y, y, chartLeft-6, y+4, inUnit(scale*part, unit))
	}
}

func drawBar(out *strings.Builder, x, width float64, counts map[string]int, scale float64, at time.Time, stack []string) {
	fmt.Fprintf(out, `<g><rect class="slot" x="%.1f" y="%g" width="%.1f" height="%g"/>`, x, chartTop, width, plotHeight)
	title := at.UTC().Format("15:04 UTC")
	y := chartTop + plotHeight
	for _, layer := range stack {
		state, class, _ := strings.Cut(layer, ":")
		n := counts[state]
		if n == 0 {
			continue
		}
		height := math.Max(1, plotHeight*float64(n)/scale)
		y -= height
		fmt.Fprintf(out, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="1.5"/>`, class, x+width*.14, y, width*.72, height)
		title += fmt.Sprintf(", %d %s", n, state)
	}
	fmt.Fprintf(out, `<title>%s</title></g>`, template.HTMLEscapeString(title))
}

func drawHours(out *strings.Builder, since time.Time, steps int, step time.Duration, width float64) {
	for i := range steps {
		if at := since.Add(time.Duration(i) * step).UTC(); at.Minute() == 0 && at.Hour()%4 == 0 {
			fmt.Fprintf(out, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`, math.Min(chartLeft+float64(i)*width+width/2, chartWidth-16), chartHeight-5, at.Format("15:04"))
		}
	}
}

func shortNumber(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%gM", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%gk", n/1e3)
	}
	return fmt.Sprintf("%g", n)
}
