package bus

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// Config says where the log is and how it is kept. Only URL or InProcess is needed.
type Config struct {
	URL             string                     // e.g. "nats://127.0.0.1:4222"; several are joined by commas
	InProcess       nats.InProcessConnProvider // an embedded server, used instead of URL when set
	CredentialsFile string                     // a .creds file; "" for none
	Credentials     []byte                     // text of a .creds file, instead of a file
	Token           string                     // for a server that asks for a token; "" for none
	User, Password  string                     // for a server that asks for them; "" for none
	InboxPrefix     string                     // "" for the client's own
	Name            string                     // of this client, as the server shows it; default "edrelay"

	Replicas  int       // of every stream; default 1
	Retention Retention // how long the streams keep what they have

	PublishTimeout time.Duration // longest wait of one Publish; default 5s
	ReadPatience   time.Duration // how long a read is asked again while a cluster can't answer; default 10s
	AwayPatience   time.Duration // the same while there is no connection, which comes back soon or not soon; default 3s
	PublishQueue   int           // messages waiting to be published per stream before Publish refuses; default 8192
	GroupMax       int           // messages in one atomic batch, 1 to 1000; 1 turns grouping off; default 500
	GroupBytes     int           // bytes in one atomic batch; default 8 MiB

	Logger *slog.Logger // default: none
}

// Retention is how long each stream keeps its messages.
type Retention struct {
	Webhooks      time.Duration // default 30 days
	Events        time.Duration // default 30 days
	Rejected      time.Duration // default 7 days
	RejectedBytes int64         // default 256 MiB; the oldest go first
	WebhooksBytes int64         // 0: no limit; the oldest go first, worked or not
	EventsBytes   int64         // 0: no limit; the oldest go first, delivered or not
	Dedup         time.Duration // how long a repeated DedupID is known; default and least 24 h
}

const (
	day            = 24 * time.Hour
	serverMaxBatch = 1000
)

func (c Config) withDefaults() Config {
	c.Name = or(c.Name, "edrelay")
	c.Replicas = or(c.Replicas, 1)
	c.PublishTimeout = or(c.PublishTimeout, 5*time.Second)
	c.ReadPatience = or(c.ReadPatience, 10*time.Second)
	c.AwayPatience = or(c.AwayPatience, 3*time.Second)
	c.PublishQueue = or(c.PublishQueue, 8192)
	c.GroupMax = min(or(c.GroupMax, 500), serverMaxBatch)
	c.GroupBytes = or(c.GroupBytes, 8<<20)
	c.Retention.Webhooks = or(c.Retention.Webhooks, 30*day)
	c.Retention.Events = or(c.Retention.Events, 30*day)
	c.Retention.Rejected = or(c.Retention.Rejected, 7*day)
	c.Retention.RejectedBytes = or(c.Retention.RejectedBytes, 256<<20)
	c.Retention.Dedup = max(c.Retention.Dedup, day)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
