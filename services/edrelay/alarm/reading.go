package alarm

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// Reading is how things stand at one moment. What could not be read is zero and raises no alarm.
type Reading struct {
	Dir        string // the data dir
	Free, Size uint64 // of its file system, in bytes
	Unwritable error  // why nothing can be written there; nil also where nobody tried
	Streams    []bus.StreamInfo
	Unworked   uint64        // webhooks that the enroller has not settled yet
	Storage    bus.Storage   // of the log's account
	Losses     []relay.Loss  // found lately
	Postgres   time.Duration // how far this machine's clock is ahead of Postgres'
	NATS       time.Duration // and of the NATS server's
}

// Judge says what of the reading is beyond its limits, the worst first.
func Judge(r Reading, limits config.Alarm) []relay.Alarm {
	var bad, watch []relay.Alarm
	for _, one := range append(append([]*relay.Alarm{disk(r, limits), storage(r, limits)}, append(losses(r), streams(r, limits)...)...),
		clock("postgres clock", "Postgres'", r.Postgres, limits), clock("nats clock", "the NATS server's", r.NATS, limits)) {
		switch {
		case one == nil:
		case one.Bad:
			bad = append(bad, *one)
		default:
			watch = append(watch, *one)
		}
	}
	return append(bad, watch...)
}

func disk(r Reading, limits config.Alarm) *relay.Alarm {
	if r.Unwritable != nil {
		return &relay.Alarm{
			Name: "disk", Bad: true, Text: fmt.Sprintf("Nothing can be written to the disk of the log: %s", cause(r.Unwritable)),
			Hint: "Senders hear 503 until it can. Look at the kernel's log, make room or mend and remount the disk, then start edrelay again.",
		}
	}
	if r.Size == 0 || r.Free >= uint64(limits.DiskFree) {
		return nil
	}
	return &relay.Alarm{
		Name: "disk", Bad: true,
		Text: fmt.Sprintf("The disk of %s has %s free of %s", r.Dir, bytes(r.Free), bytes(r.Size)),
		Hint: "When it is full, senders hear 503. Make room, or shorten nats.retention; alarm.disk_free sets when this is said.",
	}
}

// cause is an error of a file without its path.
func cause(err error) string {
	var about *fs.PathError
	if errors.As(err, &about) {
		return about.Err.Error()
	}
	return err.Error()
}

func storage(r Reading, limits config.Alarm) *relay.Alarm {
	if !full(r.Storage.Used, r.Storage.Limit, limits) {
		return nil
	}
	return &relay.Alarm{
		Name: "nats storage", Bad: true,
		Text: fmt.Sprintf("The NATS account holds %s of the %s that it may", bytes(r.Storage.Used), bytes(r.Storage.Limit)),
		Hint: "When it is full, senders hear 503. Give the account more, or shorten nats.retention.",
	}
}

// LossTold is how long a loss of the log is an alarm.
const LossTold = 7 * 24 * time.Hour

// losses names what was found to be missing of the log. What is rejected is kept on a best effort.
func losses(r Reading) (all []*relay.Alarm) {
	for _, one := range r.Losses {
		if one.Stream == relay.StreamRejected {
			continue
		}
		lost := fmt.Sprintf("%s lost its messages %d to %d, taken between %s and %s", one.Stream, one.First, one.Last, at(one.Since), at(one.Until))
		loss := &relay.Alarm{
			Name: fmt.Sprintf("loss of %s %d", one.Stream, one.First), Bad: true, Text: lost,
			Hint: "The disk corrupted a block, or the stream was made anew. Check the disk. Restore the newest backup, or have senders repeat that time: repeats do no harm.",
		}
		if one.Stream == relay.StreamWebhooks && one.Unworked == 0 {
			loss.Bad, loss.Text = false, lost+"; all of them were worked before"
		} else if one.Stream == relay.StreamWebhooks {
			loss.Text = fmt.Sprintf("%s; %d of them were not worked", lost, one.Unworked)
		}
		all = append(all, loss)
	}
	return all
}

func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// streams judges each stream. REJECTED is bounded by design: its oldest go first, and that is no alarm.
func streams(r Reading, limits config.Alarm) (all []*relay.Alarm) {
	for _, s := range r.Streams {
		if s.Name == relay.StreamRejected {
			continue
		}
		key := "nats.retention." + map[string]string{relay.StreamWebhooks: "webhooks", relay.StreamEvents: "events"}[s.Name]
		one := &relay.Alarm{Name: "stream " + s.Name}
		switch {
		case full(s.Bytes, s.MaxBytes, limits) && s.Name == relay.StreamWebhooks && 2*r.Unworked >= s.Messages && r.Unworked > 0:
			one.Bad = true
			one.Text = fmt.Sprintf("%s holds %s of %s, and %d of its %d webhooks are not worked yet", s.Name, bytes(s.Bytes), bytes(s.MaxBytes), r.Unworked, s.Messages)
			one.Hint = "When it is full, the oldest go first, worked or not. Raise " + key + "_bytes now, then see why the enroller is behind."
		case full(s.Bytes, s.MaxBytes, limits):
			one.Text = fmt.Sprintf("%s holds %s of %s", s.Name, bytes(s.Bytes), bytes(s.MaxBytes))
			one.Hint = "When it is full, the oldest go first, before " + key + " is over. Raise " + key + "_bytes if you want to replay so far back."
		case limits.StreamBytes > 0 && s.Bytes >= uint64(limits.StreamBytes):
			one.Text = fmt.Sprintf("%s holds %s", s.Name, bytes(s.Bytes))
			one.Hint = "See that its disk has room, shorten " + key + ", or set " + key + "_bytes; alarm.stream_bytes sets when this is said."
		default:
			continue
		}
		all = append(all, one)
	}
	return all
}

func full(used, limit uint64, limits config.Alarm) bool {
	return limit > 0 && float64(used) >= float64(limit)*float64(limits.StreamFull)/100
}

func clock(name, whose string, ahead time.Duration, limits config.Alarm) *relay.Alarm {
	if ahead.Abs() <= limits.Clock {
		return nil
	}
	return &relay.Alarm{
		Name: name,
		Text: fmt.Sprintf("This machine's clock and %s are %s apart", whose, ahead.Abs().Round(time.Second)),
		Hint: "Set both by NTP. Leases and retries go by Postgres' clock, retention and repeats by the NATS server's, tokens and signatures by all.",
	}
}

// bytes writes a number of bytes for people.
func bytes(n uint64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/step, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < step {
			break
		}
		value, unit = value/step, next
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
