package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
)

// connect makes the client. RESP 2 gives replies as plain lists, so that an entry keeps all fields in order.
func connect(o Options) (*redis.Client, error) {
	options, err := redis.ParseURL(o.RedisURL)
	if err != nil {
		return nil, &relay.Error{
			Code: relay.CodeInvalid, Message: "bridge.redis.url is no Redis URL.",
			Hint: "Write it as redis://user:password@host:6379/0, or rediss:// for TLS.",
		}
	}
	options.Protocol = 2
	options.ReadTimeout = o.Block + 10*time.Second
	options.ContextTimeoutEnabled = true
	options.ClientName = "edrelay-bridge"
	options.PoolSize = 4 * len(o.Topics)
	options.DisableIdentity = true
	return redis.NewClient(options), nil
}

// Check tells whether Redis is there, new enough (6.2), and holds no other type under the streams' keys. For `doctor`.
func Check(ctx context.Context, o Options) (server string, err error) {
	o = o.withDefaults()
	client, err := connect(o)
	if err != nil {
		return "", err
	}
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return "", &relay.Error{Code: relay.CodeUnavailable, Message: "Redis does not answer.", Err: err,
			Hint: "Is bridge.redis.url right, and may this host reach it?"}
	}
	version := infoField(info, "redis_version")
	if !atLeast(version, 6, 2) {
		return version, &relay.Error{Code: relay.CodeInvalid, Message: "Redis " + version + " is too old; 6.2 or newer is needed."}
	}
	for _, key := range o.Keys() {
		kind, err := client.Type(ctx, key).Result()
		if err != nil {
			return version, fmt.Errorf("look at stream %s: %w", key, err)
		}
		if kind != "stream" && kind != "none" {
			return version, &relay.Error{Code: relay.CodeInvalid, Message: "Redis holds a " + kind + " under " + key + ", not a stream."}
		}
	}
	return version, nil
}

func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

func atLeast(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// errGroupGone says that the stream or its group does not exist: Redis lost it or somebody deleted it.
var errGroupGone = errors.New("the stream or its consumer group is gone")

func redisError(doing string, err error) error {
	if err != nil && strings.HasPrefix(err.Error(), "NOGROUP") {
		err = errGroupGone
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// entries reads the reply of XREADGROUP for one stream: [[key, [[id, [name, value, …]], …]]].
func (st *stream) entries(reply any) []openedx.StreamEntry {
	streams, _ := reply.([]any)
	if len(streams) == 0 {
		return nil
	}
	pair, _ := streams[0].([]any)
	if len(pair) != 2 {
		return nil
	}
	return st.list(pair[1])
}

// list reads [[id, [name, value, …]], …]. A pending entry that was deleted or trimmed has no fields.
func (st *stream) list(reply any) []openedx.StreamEntry {
	items, _ := reply.([]any)
	out := make([]openedx.StreamEntry, 0, len(items))
	for _, item := range items {
		pair, _ := item.([]any)
		if len(pair) != 2 {
			continue
		}
		id, _ := pair[0].(string)
		entry := openedx.StreamEntry{Stream: st.key, ID: id}
		values, _ := pair[1].([]any)
		for i := 0; i+1 < len(values); i += 2 {
			name, _ := values[i].(string)
			value, _ := values[i+1].(string)
			entry.Fields = append(entry.Fields, [2]string{name, value})
		}
		out = append(out, entry)
	}
	return out
}
