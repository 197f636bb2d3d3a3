//go:build soak

package drill

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// gauge is one figure that must level off.
type gauge struct {
	name  string
	unit  float64 // what one of the table's units is, e.g. 1 << 20
	slack float64 // what it may grow by besides a share of itself, in its own unit
	share float64
	read  func() (float64, bool)

	values []float64
}

// The tolerance: what a figure may have grown between the first half of a run and its last quarter, by the medians of
// quarters. What grows all the time is highest in the second; what comes and goes with the load may be in the first.
const (
	memoryShare, memorySlack           = 0.15, 16 << 20 // the collector's appetite follows the load of the machine
	routineShare, routineSlack         = 0.10, 10
	handleShare, handleSlack           = 0.10, 10
	diskShare, diskSlack               = 0.20, 24 << 20 // a stream lets go of whole blocks of 8 MiB
	rowBytes                   float64 = 6 << 10        // of the ledger, for an order and its event with all their deliveries
)

// ofProcess are the figures of a process.
func ofProcess(name string, pid func() int, routines func() (float64, bool)) []*gauge {
	return []*gauge{
		{name: name + " memory MiB", unit: 1 << 20, share: memoryShare, slack: memorySlack, read: func() (float64, bool) { return residentBytes(pid()) }},
		{name: name + " goroutines", unit: 1, share: routineShare, slack: routineSlack, read: routines},
		{name: name + " open files", unit: 1, share: handleShare, slack: handleSlack, read: func() (float64, bool) { return openFiles(pid()) }},
	}
}

func ofFolder(name, dir string) *gauge {
	return &gauge{name: name + " MiB", unit: 1 << 20, share: diskShare, slack: diskSlack, read: func() (float64, bool) { return folderBytes(dir), true }}
}

// residentBytes is the memory that belongs to the process alone: pages of files that the system may drop don't count.
func residentBytes(pid int) (float64, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "RssAnon:"); found {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024, err == nil
		}
	}
	return 0, false
}

func openFiles(pid int) (float64, bool) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return float64(len(entries)), err == nil
}

func folderBytes(dir string) (sum float64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				sum += float64(info.Size())
			}
		}
		return nil
	})
	return sum
}

var profileTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)

// profiled asks the profiler of a nats-server for its goroutines.
func profiled(addr string) func() (float64, bool) {
	return func() (float64, bool) {
		client := http.Client{Timeout: 5 * time.Second}
		response, err := client.Get("http://" + addr + "/debug/pprof/goroutine?debug=1")
		if err != nil {
			return 0, false
		}
		defer response.Body.Close()
		head, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		found := profileTotal.FindSubmatch(head)
		if found == nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(string(found[1]), 64)
		return n, err == nil
	}
}

// growth samples figures.
type growth struct {
	gauges []*gauge
	at     []time.Duration
	begun  time.Time
}

func (g *growth) sample() {
	if g.begun.IsZero() {
		g.begun = time.Now()
	}
	g.at = append(g.at, time.Since(g.begun))
	for _, one := range g.gauges {
		value, ok := one.read()
		if !ok && len(one.values) > 0 { // a busy process may miss a look
			value = one.values[len(one.values)-1]
		}
		one.values = append(one.values, value)
	}
}

// quarter is the median of a quarter of the samples, counted from 1.
func (one *gauge) quarter(n int) float64 {
	part := slices.Sorted(slices.Values(one.values[len(one.values)*(n-1)/4 : len(one.values)*n/4]))
	return part[len(part)/2]
}

// allowed is what the last quarter may come to.
func (one *gauge) allowed() float64 {
	return max(one.quarter(1), one.quarter(2))*(1+one.share) + one.slack
}

func (one *gauge) grew() bool { return one.quarter(4) > one.allowed() }

// judge prints the table and fails the test for each figure that grew.
func (g *growth) judge(t *testing.T) {
	t.Helper()
	if len(g.at) < 8 {
		t.Fatalf("%d samples are too few to judge by", len(g.at))
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "median of\t1st quarter\t2nd\t3rd\t4th\thighest\tallowed\t\n")
	for _, one := range g.gauges {
		fmt.Fprintf(table, "%s\t", one.name)
		for n := 1; n <= 4; n++ {
			fmt.Fprintf(table, "%.1f\t", one.quarter(n)/one.unit)
		}
		fmt.Fprintf(table, "%.1f\t%.1f\t\n", slices.Max(one.values)/one.unit, one.allowed()/one.unit)
		if one.grew() {
			t.Errorf("%s grew to %.1f in the last quarter, %.1f are allowed", one.name, one.quarter(4)/one.unit, one.allowed()/one.unit)
		}
	}
	_ = table.Flush()
	t.Logf("%d looks in %s\n%s", len(g.at), g.at[len(g.at)-1].Round(time.Second), text.String())
}
