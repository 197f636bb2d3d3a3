package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisBus tests the Open edX event bus, where one is configured.
func redisBus(ctx context.Context, p Patient) []Finding {
	const check = "redis"
	if p.Config.Bridge.Redis.URL == "" {
		return nil
	}
	settings, err := redis.ParseURL(p.Config.Bridge.Redis.URL)
	if err != nil {
		return []Finding{bad(check, "bridge.redis.url is no Redis address", "write it like redis://redis.example:6379/0")}
	}
	server := redis.NewClient(settings)
	defer server.Close()
	info, err := server.Info(ctx, "server").Result()
	if err != nil {
		return []Finding{bad(check, "the event bus does not answer", "is the server of bridge.redis.url running, and does the password fit?")}
	}
	version := "of an unknown version"
	for line := range strings.Lines(info) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); found {
			version = "version " + text
		}
	}
	if len(p.Config.Bridge.Redis.Topics) == 0 {
		return []Finding{warning(check, version+", but no topic is configured", "name the producers' topics in bridge.redis.topics")}
	}
	return []Finding{good(check, fmt.Sprintf("%s, %d topics", version, len(p.Config.Bridge.Redis.Topics)))}
}
