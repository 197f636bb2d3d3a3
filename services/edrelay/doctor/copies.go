package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
)

const (
	safeCopies = 3 // the least with which one server may be lost and writing goes on

	copiesCheck = "nats copies"
	// A copy may lack a moment's writes, so one that does is looked at again before it is told.
	copyLooks = 4
	copyPause = time.Second

	hintNobodyLeads = "start the NATS servers that are down: more than half of those that have a copy must run; senders hear 503 until then"
	hintAway        = "start that NATS server, or see why the others can't reach it; the next one lost stops all writing. One that won't come back: `nats server cluster peer-remove`, and a new one takes its place"
	hintBehind      = "wait a minute and look again; if it stays behind, see that server's log, disk and network"
)

// copies tests, where the log is on a cluster, that every stream and durable consumer has its copies.
func copies(ctx context.Context, p Patient, log *bus.Bus, streams []bus.StreamInfo) []Finding {
	asked := p.Config.NATS.Replicas
	cluster := log.Server().Cluster
	if cluster == "" {
		if asked > 1 {
			return []Finding{bad(copiesCheck, fmt.Sprintf("nats.replicas is %d, and the NATS server is in no cluster", asked),
				"set nats.url to the servers of a cluster, or nats.replicas: 1")}
		}
		return nil
	}
	var found []Finding
	if asked < safeCopies {
		found = append(found, warning(copiesCheck, fmt.Sprintf("nats.replicas is %d on the cluster %q: one lost server or disk may take accepted webhooks with it", asked, cluster),
			"on a cluster of three servers or more set nats.replicas: 3 and restart a service, which has the streams copied"))
	}
	things := 0
	for _, stream := range streams {
		more, n := copiesOf(ctx, log, stream, asked)
		found, things = append(found, more...), things+n
	}
	if len(found) == 0 {
		found = append(found, good(copiesCheck, fmt.Sprintf("%d up-to-date copies of %d streams and %s on the cluster %q", asked, len(streams), counted(things-len(streams), "consumer", "consumers"), cluster)))
	}
	return found
}

// copiesOf judges one stream with its consumers, and tells how many things it looked at.
func copiesOf(ctx context.Context, log *bus.Bus, stream bus.StreamInfo, asked int) (found []Finding, things int) {
	check := copiesCheck + " " + stream.Name
	var all []bus.Copies
	var unanswered int
	for look := 1; ; look++ {
		var err error
		if all, unanswered, err = log.Copies(ctx, stream.Name); err != nil {
			return []Finding{bad(check, relay.PublicMessage(err), hintNobodyLeads)}, 0
		}
		whole := unanswered == 0 && !slices.ContainsFunc(all, func(c bus.Copies) bool { return !c.Whole() })
		if whole || look == copyLooks || !pause(ctx, copyPause) {
			break
		}
	}
	if all[0].Wanted < asked {
		found = append(found, bad(check, fmt.Sprintf("its configuration has %s, nats.replicas asks for %d", counted(all[0].Wanted, "copy", "copies"), asked),
			"restart a service of edrelay, which brings the stream to nats.replicas; its log says why when the servers refuse"))
	}
	return append(found, lacking(check, all, unanswered)...), len(all)
}

// lacking tells what has no leader, then what has fewer copies than it should.
func lacking(check string, all []bus.Copies, unanswered int) (found []Finding) {
	var leaderless, away, behind, few []string
	var gone, slow []string // servers
	for _, c := range all {
		name := "the stream"
		if c.Consumer != "" {
			name = c.Consumer
		}
		switch {
		case c.Leader == "":
			leaderless = append(leaderless, name)
		case len(c.Away) > 0:
			away, gone = append(away, name), append(gone, c.Away...)
		case len(c.Behind) > 0 && !c.Whole():
			behind, slow = append(behind, name), append(slow, c.Behind...)
		case !c.Whole():
			few = append(few, name)
		}
	}
	if unanswered > 0 {
		leaderless = append(leaderless, counted(unanswered, "consumer", "consumers"))
	}
	if len(leaderless) > 0 {
		found = append(found, bad(check, "no server leads "+listed(leaderless), hintNobodyLeads))
	}
	if len(away) > 0 {
		found = append(found, warning(check, fmt.Sprintf("a copy is out of reach on %s: %s", listed(unique(gone)), listed(away)), hintAway))
	}
	if len(behind) > 0 {
		found = append(found, warning(check, fmt.Sprintf("a copy is not up to date on %s: %s", listed(unique(slow)), listed(behind)), hintBehind))
	}
	if len(few) > 0 {
		found = append(found, warning(check, "fewer copies than configured: "+listed(few), "see that enough NATS servers of the cluster run and have room for JetStream"))
	}
	return found
}

// batches tests that the streams take atomic batches, without which every webhook waits for a commit of its own.
func batches(streams []bus.StreamInfo) Finding {
	const check = "nats atomic batches"
	var without []string
	for _, s := range streams {
		if !s.AtomicPublish {
			without = append(without, s.Name)
		}
	}
	if len(without) == 0 {
		return good(check, "taken by every stream")
	}
	return warning(check, "not taken by "+listed(without)+": each message waits for a commit of its own, which is some three times slower",
		"restart a service of edrelay, which sets allow_atomic on the streams; its user needs the right to change them")
}

// pause tells whether there is time left after it.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

const mostListed = 4

func listed(names []string) string {
	if len(names) > mostListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), len(names)-mostListed)
	}
	return strings.Join(names, ", ")
}

func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
