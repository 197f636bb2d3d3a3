package alarm_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/alarm"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

const gib = 1 << 30

func limits() config.Alarm { return config.Default().Alarm }

func TestWhatIsBeyondItsLimitsIsNamedBeforeAnythingIsLost(t *testing.T) {
	t.Parallel()
	stream := func(name string, bytes, most, messages uint64) alarm.Reading {
		return alarm.Reading{Streams: []bus.StreamInfo{{Name: name, Bytes: bytes, MaxBytes: most, Messages: messages}}}
	}
	behind := stream(relay.StreamWebhooks, 9*gib, 10*gib, 100)
	behind.Unworked = 60
	for name, c := range map[string]struct {
		reading alarm.Reading
		want    string // name of the alarm, "" for none
		bad     bool
		says    string
	}{
		"a disk with room":               {reading: alarm.Reading{Dir: "/data", Free: 3 * gib, Size: 20 * gib}},
		"a disk that nobody could read":  {reading: alarm.Reading{}},
		"a disk nearly full":             {alarm.Reading{Dir: "/data", Free: gib, Size: 20 * gib}, "disk", true, "/data has 1.0 GiB free of 20.0 GiB"},
		"a disk that is read-only":       {alarm.Reading{Dir: "/data", Free: 9 * gib, Size: 20 * gib, Unwritable: &fs.PathError{Op: "open", Path: "/data/x", Err: syscall.EROFS}}, "disk", true, "read-only file system"},
		"a stream without a limit":       {reading: stream(relay.StreamEvents, 900*gib, 0, 1)},
		"a stream with room":             {reading: stream(relay.StreamEvents, 7*gib, 10*gib, 1)},
		"a stream nearly full":           {stream(relay.StreamEvents, 8*gib, 10*gib, 1), "stream EVENTS", false, "8.0 GiB of 10.0 GiB"},
		"rejected webhooks are bounded":  {reading: stream(relay.StreamRejected, 10*gib, 10*gib, 1)},
		"webhooks nearly full, worked":   {stream(relay.StreamWebhooks, 9*gib, 10*gib, 100), "stream WEBHOOKS", false, "9.0 GiB"},
		"webhooks nearly full, unworked": {behind, "stream WEBHOOKS", true, "60 of its 100 webhooks are not worked yet"},
		"an account nearly full":         {alarm.Reading{Storage: bus.Storage{Used: 9 * gib, Limit: 10 * gib}}, "nats storage", true, "9.0 GiB of the 10.0 GiB"},
		"an account without a limit":     {reading: alarm.Reading{Storage: bus.Storage{Used: 9 * gib}}},
		"clocks that agree":              {reading: alarm.Reading{Postgres: 20 * time.Second, NATS: -20 * time.Second}},
		"Postgres an hour behind":        {alarm.Reading{Postgres: time.Hour}, "postgres clock", false, "1h0m0s apart"},
		"NATS a day ahead":               {alarm.Reading{NATS: -24 * time.Hour}, "nats clock", false, "24h0m0s apart"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := alarm.Judge(c.reading, limits())
			if c.want == "" {
				if len(found) > 0 {
					t.Errorf("%+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Name != c.want || found[0].Bad != c.bad || !strings.Contains(found[0].Text, c.says) || found[0].Hint == "" {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestALimitOfOneStreamInBytes(t *testing.T) {
	t.Parallel()
	strict := limits()
	strict.StreamBytes = gib
	found := alarm.Judge(alarm.Reading{Streams: []bus.StreamInfo{{Name: relay.StreamEvents, Bytes: 2 * gib}}}, strict)
	if len(found) != 1 || found[0].Bad || !strings.Contains(found[0].Hint, "nats.retention.events_bytes") {
		t.Errorf("%+v", found)
	}
}

func TestAnAlarmIsToldOnceAndWhenItIsOver(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer
	frees := []uint64{gib, gib, gib, 5 * gib}
	looked := 0
	metrics := prometheus.NewRegistry()
	watch := alarm.New(alarm.Options{
		Limits: limits(), Log: slog.New(slog.NewTextHandler(&out, nil)), Metrics: metrics, Every: time.Millisecond,
		Read: func(context.Context) alarm.Reading {
			if looked == len(frees) { // the fourth reading is judged and told
				stop()
				looked--
			}
			looked++
			return alarm.Reading{Dir: "/data", Free: frees[looked-1], Size: 20 * gib}
		},
	})
	if err := watch.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if said := out.String(); strings.Count(said, "alarm raised") != 1 || strings.Count(said, "alarm over") != 1 || !strings.Contains(said, "hint=") {
		t.Errorf("it said:\n%s", said)
	}
	if err := watch.Test(t.Context()); err != nil {
		t.Errorf("no alarm stands, and the test says %v", err)
	}
}

func TestWhetherAFolderCanBeWrittenToIsTried(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := alarm.Writable(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if err := alarm.Writable(dir + "/not/there"); err == nil {
		t.Error("a folder that is not there can be written to")
	}
}

func TestTheTightestFolderCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, free, size, err := alarm.Tightest(alarm.Dirs(dir + "/not/there/yet"))
	if err != nil || free == 0 || size < free || !strings.HasPrefix(got, dir) {
		t.Errorf("%s: %d of %d, %v", got, free, size, err)
	}
}
