package bridge_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/bridge"
)

// Variables that make this test program a bridge, to be killed.
const (
	childRedis = "EDRELAY_TEST_BRIDGE_REDIS"
	childNATS  = "EDRELAY_TEST_BRIDGE_NATS"
	childName  = "EDRELAY_TEST_BRIDGE_NAME"
)

func TestMain(m *testing.M) {
	if os.Getenv(childRedis) != "" {
		if err := runChild(); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runChild() error {
	ctx := context.Background()
	log, err := bus.Connect(ctx, bus.Config{URL: os.Getenv(childNATS)})
	if err != nil {
		return err
	}
	catalogue, err := openedx.Load()
	if err != nil {
		return err
	}
	service, err := bridge.New(bridge.Options{
		RedisURL: os.Getenv(childRedis), Prefix: "dev", Topics: []string{"learning"}, Consumer: os.Getenv(childName),
		Publish: log, Catalogue: catalogue, Batch: 50, ClaimIdle: 300 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	return service.Run(ctx)
}

func (g *ground) child(name string) *exec.Cmd {
	g.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRedis+"="+g.redis.url(), childNATS+"="+g.natsURL, childName+"="+name)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { kill(cmd) })
	return cmd
}

func kill(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	}
}

func TestKillsOfBridgesAndRedisLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const rounds, each = 4, 1500
	last := 0
	for round := range rounds {
		first, second := g.child("one"), g.child("two")
		g.add(last+1, last+each)
		last += each
		eventually(t, "some of the round arrived", func() bool { return g.total(relay.StreamEvents) > uint64(round*each+each/5) })
		kill(first)
		if round%2 == 1 {
			g.redis.kill()
			g.redis.start()
			g.add(last+1, last+each/10)
			last += each / 10
		}
		kill(second)
	}
	g.child("last")
	g.acknowledged("edrelay")
	seen := map[string]bool{}
	for _, m := range g.read(relay.StreamEvents, "events.>", last) {
		if seen[m.ID] {
			t.Errorf("%s is there twice", m.ID)
		}
		seen[m.ID] = true
	}
	if got := g.total(relay.StreamEvents); int(got) != last || len(seen) != last {
		t.Errorf("%d events on the log, %d different ones, %d were sent", got, len(seen), last)
	}
	if rejected := g.total(relay.StreamRejected); rejected != 0 {
		t.Errorf("%d entries rejected", rejected)
	}
}

func TestTheBridgeOutlivesARedisThatForgotEverything(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.add(1, 100)
	g.run(g.options())
	g.acknowledged("edrelay")
	if err := g.redis.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	g.add(101, 200)
	g.acknowledged("edrelay")
	if got := g.total(relay.StreamEvents); got != 200 {
		t.Errorf("%d events on the log", got)
	}
}
