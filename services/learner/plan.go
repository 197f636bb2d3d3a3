package learner

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/edrelay/edrelay/internal/relay"
)

// mostSamples is how many messages a dry run names, of all streams together.
const mostSamples = 21

// plan says what an erasure would erase and what blocks it now, and changes nothing.
func (j *job) plan(ctx context.Context) (relay.Erasure, error) {
	limit := mostSamples / 3
	held, err := j.office.Show(ctx, relay.ShowLearner{Address: j.ask.Address, AddressOnly: j.ask.AddressOnly, Limit: &limit}, j.tell)
	if err != nil {
		return relay.Erasure{}, err
	}
	if j.person, err = j.office.find(ctx, j.ask.Address, true, j.tell); err != nil {
		return relay.Erasure{}, err
	}
	err = j.office.scan(ctx, j.office.Log, relay.StreamWebhooks, j.person, 0, "judging webhooks", j.tell, func(chunk []hit) error {
		if err := j.office.states(ctx, chunk); err != nil {
			return err
		}
		for _, h := range chunk {
			if block := blocks(h, j.ask.IncludeParked); block != nil {
				j.block(block.What, block.Why, block.Do)
			}
			j.sources[h.Source]++
		}
		return nil
	})
	for _, d := range held.Deliveries {
		j.received[d.Subscription] = d.Delivered
	}
	for _, c := range held.Copies {
		j.readers[c.Reader] = c.Messages
	}
	now := j.office.Now().UTC()
	j.change(func(e *relay.Erasure) {
		e.State, e.Step, e.As, e.FinishedAt, e.Counts = relay.ErasurePlanned, "", "", &now, held.Counts
		for _, list := range [][]relay.HeldMessage{held.Webhooks, held.Rejected, held.Events} {
			e.Samples = append(e.Samples, list...)
		}
		e.Beyond = j.beyond()
	})
	return j.now(), err
}

// beyond names what edrelay can't erase, with what to do there.
func (j *job) beyond() []relay.BeyondReach {
	list := []relay.BeyondReach{{
		Where: "Backups of edrelay that were made before",
		Do:    "Let them expire or delete them (edrelay backup ls). After a restore, forget the learner again.",
	}}
	add := func(where, do string) { list = append(list, relay.BeyondReach{Where: where, Do: do}) }
	place := j.office.Place
	if place.LMS != "" {
		add("Open edX at "+place.LMS+": account, enrolments, allowances and what it mailed", "Retire the account there; delete allowances in its admin.")
	}
	for _, name := range slices.Sorted(maps.Keys(j.sources)) {
		add(fmt.Sprintf("Source %s, which sent %d of the webhooks", name, j.sources[name]), "Erase the customer there, or it may send the address again.")
	}
	for _, name := range slices.Sorted(maps.Keys(j.received)) {
		if n := j.received[name]; n > 0 {
			add(fmt.Sprintf("Subscription %s, which received %d of the events", name, n), "Ask its owner to erase the learner.")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.readers)) {
		add(fmt.Sprintf("NATS user %s, which could read %d of the events", name, j.readers[name]), "Ask its owner to erase the learner.")
	}
	if place.Bus {
		add("The Open edX event bus on Redis", "Its streams keep events until Redis trims them.")
	}
	if place.Replicas > 1 {
		add("The Raft logs of the NATS cluster", "They hold recent messages until the servers compact them, which they do by themselves.")
	}
	if j.ask.Rewrite {
		add("Postgres' write-ahead log, archives of it and replicas", "They go by themselves as Postgres works.")
	} else {
		add("Postgres' own files: write-ahead log, archives of it, replicas, and pages not written over yet",
			"They go by themselves as Postgres works; --rewrite clears the tables' pages at once.")
	}
	return list
}
