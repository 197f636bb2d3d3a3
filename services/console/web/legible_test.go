package web_test

import (
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// legible finds what a person can't read or reach on the page as it is shown: texts of too little contrast (WCAG AA), controls
// without a name, ids given twice, and anything that makes the page scroll sideways.
const legible = `(() => {
	const faults = new Set();
	const rgb = (text) => { const c = text.match(/[\d.]+/g).map(Number); return text.startsWith("color(") ? [...c.slice(0, 3).map((v) => v * 255), c[3] ?? 1] : [...c.slice(0, 3), c[3] ?? 1]; };
	const light = (c) => c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0.9) return c; } return [255, 255, 255]; };
	for (const e of document.querySelectorAll("body *")) {
		if (!e.offsetParent || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
		const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) faults.add("contrast " + contrast.toFixed(2) + " of <" + e.tagName.toLowerCase() + " class='" + e.className + "'> " + e.textContent.trim().slice(0, 20));
	}
	for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
		const name = e.getAttribute("aria-label") || e.textContent.trim() || e.title || [...(e.labels || [])].map((l) => l.textContent.trim()).join("");
		if (e.offsetParent && !name) faults.add("no name: " + e.outerHTML.slice(0, 90));
	}
	const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.add("twice: #" + id);
	const beyond = document.documentElement.scrollWidth - innerWidth;
	if (beyond > 0) faults.add("scrolls sideways by " + beyond);
	return [...faults].join("\n");
})()`

// isLegible holds the page to that in light and dark, wide and narrow.
func (b *browser) isLegible(path string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			var faults string
			b.do(emulation.SetDeviceMetricsOverride(width, 900, 1, width < 500),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
				chromedp.Evaluate(legible, &faults))
			for fault := range strings.Lines(faults) {
				b.t.Errorf("%s, %s, %d wide: %s", path, scheme, width, strings.TrimSpace(fault))
			}
		}
	}
	b.do(emulation.ClearDeviceMetricsOverride())
}
