package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Copies is how many copies a stream, or a durable consumer of it, is to have in a cluster, and how they stand.
type Copies struct {
	Stream   string
	Consumer string   // "" for the stream itself
	Wanted   int      // by its own configuration on the server
	Leader   string   // name of the server that leads it; "" when none does
	Current  int      // copies that are there and up to date, the leader's among them
	Away     []string // servers that have a copy and were not heard of for some seconds
	Behind   []string // servers whose copy lacks something
}

// copySilence is when a copy counts as away; its server speaks every second. The servers themselves take half a minute to
// call one offline that was killed.
const copySilence = 5 * time.Second

// Whole tells whether every copy is there and up to date.
func (c Copies) Whole() bool { return c.Leader != "" && c.Current >= c.Wanted }

// Copies tells how a stream and each of its durable consumers that answers are copied, the stream first; unanswered counts
// consumers that nobody leads. A server that is in no cluster has one copy of everything. Errors as Message.
func (b *Bus) Copies(ctx context.Context, stream string) (all []Copies, unanswered int, err error) {
	handle, err := patiently(ctx, b, b.streamNamed(stream))
	if err != nil {
		return nil, 0, readError(err)
	}
	info := handle.CachedInfo()
	all = []Copies{copiesOf(info.Cluster, Copies{Stream: stream, Wanted: info.Config.Replicas})}
	consumers, err := patiently(ctx, b, listConsumers(handle))
	if err != nil {
		return nil, 0, readError(err)
	}
	for _, one := range consumers {
		if one.Config.Durable != "" {
			all = append(all, copiesOf(one.Cluster, Copies{Stream: stream, Consumer: one.Name, Wanted: or(one.Config.Replicas, info.Config.Replicas)}))
		}
	}
	return all, max(0, info.State.Consumers-len(consumers)), nil
}

func copiesOf(cluster *jetstream.ClusterInfo, c Copies) Copies {
	if cluster == nil {
		c.Leader, c.Current = "the server", 1
		return c
	}
	c.Leader = cluster.Leader
	if c.Leader != "" {
		c.Current = 1
	}
	for _, peer := range cluster.Replicas {
		switch {
		case peer.Offline, !peer.Current && peer.Active > copySilence:
			c.Away = append(c.Away, peer.Name)
		case !peer.Current:
			c.Behind = append(c.Behind, peer.Name)
		default:
			c.Current++
		}
	}
	return c
}
