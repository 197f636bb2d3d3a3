package doctor

import (
	"context"
	"fmt"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/alarm"
)

// disk tests that the data dir has room.
func disk(_ context.Context, p Patient) []Finding {
	const check = "disk"
	dir, free, size, err := alarm.Tightest(alarm.Dirs(p.Config.DataDir))
	if err != nil {
		return []Finding{bad(check, "the disk of data_dir can't be looked at", "set data_dir to a folder that this user may read and write")}
	}
	return judged(p, alarm.Reading{Dir: dir, Free: free, Size: size}, good(check, fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))))
}

// logRoom tests the streams, the storage of the account, and the server's clock.
func logRoom(ctx context.Context, p Patient, log *bus.Bus) []Finding {
	r, detail := alarm.Reading{}, ""
	for _, name := range []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents} {
		info, err := log.Stream(ctx, name)
		if relay.CodeOf(err) == relay.CodeNotFound {
			continue // it is made by the first service that starts
		}
		if err != nil {
			return []Finding{bad("nats stream "+name, relay.PublicMessage(err), hintNobodyLeads)}
		}
		r.Streams, r.NATS = append(r.Streams, info), info.Ahead
		detail += fmt.Sprintf("%s %.1f MiB, ", name, float64(info.Bytes)/(1<<20))
	}
	r.Storage, _ = log.Storage(ctx) // a server that does not say has no limit
	if len(r.Streams) == 0 {
		return []Finding{warning("nats streams", "not there yet", "start edrelay; it makes them")}
	}
	found := judged(p, r, good("nats streams", detail[:len(detail)-2]), good("nats clock", "agrees with this machine's"))
	return append(append(found, batches(r.Streams)), copies(ctx, p, log, r.Streams)...)
}

// judged gives what is beyond its limits, and well where nothing of that name is.
func judged(p Patient, r alarm.Reading, well ...Finding) []Finding {
	var found []Finding
	beyond := map[string]bool{}
	for _, one := range alarm.Judge(r, p.Config.Alarm) {
		beyond[one.Name] = true
		state := Warning
		if one.Bad {
			state = Bad
		}
		found = append(found, Finding{Check: one.Name, State: state, Detail: one.Text, Hint: one.Hint})
	}
	for _, one := range well {
		if !beyond[one.Check] {
			found = append(found, one)
		}
	}
	return found
}
