package embedded

import (
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	_, err = StartNATS(NATSConfig{Dir: t.TempDir(), Addr: taken.Addr().String()})

	if relay.CodeOf(err) != relay.CodeConflict || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestTwoServersDontShareADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startNATSFor(t, dir)
	if _, err := StartNATS(NATSConfig{Dir: dir, Addr: "127.0.0.1:0"}); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("got %v", err)
	}
	first.Shutdown()
	startNATSFor(t, dir)
}

func TestAnAddressWithoutAPortIsInvalid(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999"} {
		if _, err := StartNATS(NATSConfig{Dir: t.TempDir(), Addr: addr}); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: got %v", addr, err)
		}
	}
}

func TestAMessageOfFourMebibytesFits(t *testing.T) {
	t.Parallel()
	server := startNATSFor(t, t.TempDir())
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", make([]byte, MaxPayload-1024)); err != nil {
		t.Error(err)
	}
}

func startNATSFor(t *testing.T, dir string) *NATS {
	t.Helper()
	server, err := StartNATS(NATSConfig{Dir: dir, Addr: "127.0.0.1:0", Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	return server
}
