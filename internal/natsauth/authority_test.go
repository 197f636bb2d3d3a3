package natsauth_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/internal/relay"
)

func TestReadersOutliveARestart(t *testing.T) {
	t.Parallel()
	keys, store := t.TempDir(), t.TempDir()
	var creds string
	for round := range 2 {
		authority, err := natsauth.Open(keys)
		if err != nil {
			t.Fatal(err)
		}
		server, err := embedded.StartNATS(embedded.NATSConfig{Dir: store, Addr: "127.0.0.1:0", Authority: authority})
		if err != nil {
			t.Fatal(err)
		}
		js := jetStream(t, connect(t, server.URL(), nats.UserCredentials(authority.CredentialsFile())))
		if _, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: relay.StreamEvents, Subjects: []string{"events.>"}}); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			made, err := natsauth.NewUsers(natsauth.Options{Authority: authority, InProcess: server}).Add(t.Context(), "crm", []string{openBranch})
			if err != nil {
				t.Fatal(err)
			}
			creds = made.Creds
		}
		if _, err := js.Publish(t.Context(), openSubject, []byte("1")); err != nil {
			t.Fatal(err)
		}
		reader := jetStream(t, connect(t, server.URL(), nats.UserCredentialBytes([]byte(creds)), nats.CustomInboxPrefix("_INBOX_crm")))
		consumer, err := reader.CreateConsumer(t.Context(), relay.StreamEvents, jetstream.ConsumerConfig{FilterSubject: openSubject})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := bodies(t, consumer, round+1), []string{"1", "1 1"}[round]; got != want {
			t.Errorf("round %d: %q", round, got)
		}
		server.Shutdown()
	}
}

func TestTheKeysAreClosedToOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := natsauth.Open(dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil || len(files) < 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(file), info.Mode().Perm())
		}
	}
}

func TestAnExternalServerTakesTheSameKeys(t *testing.T) {
	t.Parallel()
	authority, err := natsauth.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := authority.ServerConfig("127.0.0.1:-1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !options.SyncAlways || options.MaxPayload != embedded.MaxPayload {
		t.Errorf("sync always %v, max payload %d", options.SyncAlways, options.MaxPayload)
	}
	options.NoSigs, options.NoLog = true, true
	external, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	go external.Start()
	t.Cleanup(external.Shutdown)
	if !external.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	js := jetStream(t, connect(t, external.ClientURL(), nats.UserCredentials(authority.CredentialsFile())))
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: relay.StreamEvents, Subjects: []string{"events.>"}}); err != nil {
		t.Fatal(err)
	}
	made, err := natsauth.NewUsers(natsauth.Options{Authority: authority, URL: external.ClientURL()}).Add(t.Context(), "crm", []string{openBranch})
	if err != nil {
		t.Fatal(err)
	}
	connect(t, external.ClientURL(), nats.UserCredentialBytes([]byte(made.Creds)))
}
