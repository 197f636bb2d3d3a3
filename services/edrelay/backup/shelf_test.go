package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/services/edrelay/backup"
	"github.com/edrelay/edrelay/services/edrelay/backup/folder"
	"github.com/edrelay/edrelay/services/edrelay/backup/s3"
)

// shelves runs a test on each kind of shelf.
func shelves(t *testing.T, test func(t *testing.T, shelf backup.Shelf)) {
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		test(t, folder.New(filepath.Join(t.TempDir(), "made", "when", "needed")))
	})
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		test(t, bucket(t))
	})
}

// bucket is a place in an S3 server: the one of EDRELAY_TEST_S3 (host:port, http, with the usual AWS variables and a
// bucket "drill"), or one in this process.
func bucket(t *testing.T) backup.Shelf {
	t.Helper()
	config := s3.Config{Endpoint: os.Getenv("EDRELAY_TEST_S3"), Insecure: true, Region: "us-east-1", Bucket: "drill", Prefix: "of/" + rand.Text(),
		AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	if config.Endpoint == "" {
		memory := s3mem.New()
		if err := memory.CreateBucket("drill"); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewTLSServer(gofakes3.New(memory).Server())
		t.Cleanup(server.Close)
		config.Endpoint, config.AccessKey, config.SecretKey = strings.TrimPrefix(server.URL, "https://"), "key", "secret"
		config.Insecure, config.Transport = false, server.Client().Transport
	}
	shelf, err := s3.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return shelf
}

func put(t *testing.T, shelf backup.Shelf, name string, content []byte) {
	t.Helper()
	file, err := shelf.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, shelf backup.Shelf, name string) []byte {
	t.Helper()
	file, err := shelf.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestAShelfGivesBackWhatItTook(t *testing.T) {
	t.Parallel()
	shelves(t, func(t *testing.T, shelf backup.Shelf) {
		large := make([]byte, 3<<20)
		_, _ = rand.Read(large)
		put(t, shelf, "a/b/large", large)
		put(t, shelf, "a/small", []byte("x"))
		put(t, shelf, "a/twice", []byte("one"))
		put(t, shelf, "a/twice", []byte("two"))
		if !bytes.Equal(get(t, shelf, "a/b/large"), large) || string(get(t, shelf, "a/small")) != "x" || string(get(t, shelf, "a/twice")) != "two" {
			t.Error("a file is not what it was")
		}
		names, err := shelf.List(t.Context())
		slices.Sort(names)
		if err != nil || !slices.Equal(names, []string{"a/b/large", "a/small", "a/twice"}) {
			t.Errorf("names %v, %v", names, err)
		}
		for range 2 {
			if err := shelf.Remove(t.Context(), "a/small"); err != nil {
				t.Error(err)
			}
		}
		if _, err := shelf.Open(t.Context(), "a/small"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a removed file: %v", err)
		}
	})
}

func TestAFileCutShortIsNotThere(t *testing.T) {
	t.Parallel()
	shelves(t, func(t *testing.T, shelf backup.Shelf) {
		ctx, cancel := context.WithCancel(t.Context())
		file, err := shelf.Create(ctx, "half")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte("half of i")); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := file.Close(); err == nil {
			t.Error("it is said to be whole")
		}
		if _, err := shelf.Open(t.Context(), "half"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is there: %v", err)
		}
	})
}

func TestAFolderNeverLeavesItself(t *testing.T) {
	t.Parallel()
	shelf := folder.New(t.TempDir())
	for _, name := range []string{"../out", "/etc/passwd", "a/../../out"} {
		if _, err := shelf.Create(t.Context(), name); err == nil {
			t.Errorf("%s was made", name)
		}
		if _, err := shelf.Open(t.Context(), name); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}

// stub is a log and a ledger of one stream and one table.
type stub struct{ calls *[]string }

func (s stub) note(call string) { *s.calls = append(*s.calls, call) }

type stubLog struct{ stub }

func (s stubLog) Positions(context.Context, string) ([]bus.ConsumerPosition, error) {
	s.note("positions")
	return nil, nil
}

func (s stubLog) Snapshot(_ context.Context, stream string, w io.Writer) (bus.StreamSnapshot, error) {
	s.note("stream")
	_, err := io.WriteString(w, "messages of "+stream)
	return bus.StreamSnapshot{Name: stream, Messages: 1}, err
}
func (stubLog) CheckEmpty(context.Context, string) error                           { return nil }
func (stubLog) RestoreStream(context.Context, bus.StreamSnapshot, io.Reader) error { return nil }
func (stubLog) RestorePosition(context.Context, bus.ConsumerPosition) error        { return nil }

type stubLedger struct{ stub }

func (s stubLedger) Snapshot(_ context.Context, create func(string) (io.WriteCloser, error)) (store.LedgerSnapshot, error) {
	s.note("ledger")
	file, err := create("webhooks")
	if err != nil {
		return store.LedgerSnapshot{}, err
	}
	_, _ = io.WriteString(file, "rows")
	return store.LedgerSnapshot{Tables: []store.TableSnapshot{{Name: "webhooks", Rows: 1}}}, file.Close()
}
func (stubLedger) CheckEmpty(context.Context, store.LedgerSnapshot) error { return nil }
func (stubLedger) Restore(context.Context, store.LedgerSnapshot, func(string) (io.ReadCloser, error)) error {
	return nil
}

func stubOptions(shelf backup.Shelf) (backup.Options, *[]string) {
	calls := &[]string{}
	return backup.Options{Shelf: shelf, Log: stubLog{stub{calls}}, Ledger: stubLedger{stub{calls}}}, calls
}

func TestPositionsComeBeforeTheLedgerAndTheLedgerBeforeTheLog(t *testing.T) {
	t.Parallel()
	options, calls := stubOptions(folder.New(t.TempDir()))
	if _, err := backup.Take(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(slices.Compact(*calls), " "); got != "positions ledger stream" {
		t.Errorf("the order is %s", got)
	}
}

func TestADamagedBackupIsNoticed(t *testing.T) {
	t.Parallel()
	shelves(t, func(t *testing.T, shelf backup.Shelf) {
		options, _ := stubOptions(shelf)
		manifest, err := backup.Take(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if err := backup.Check(t.Context(), options, manifest); err != nil {
			t.Fatal(err)
		}
		put(t, shelf, manifest.Name+"/log/EVENTS.snapshot", []byte("messages of EVENTs"))
		if err := backup.Check(t.Context(), options, manifest); relay.CodeOf(err) != relay.CodeConflict {
			t.Errorf("got %v", err)
		}
	})
}

func TestOldBackupsAreRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	shelves(t, func(t *testing.T, shelf backup.Shelf) {
		options, _ := stubOptions(shelf)
		put(t, shelf, "somebody/else", []byte("x"))
		var names []string
		for range 4 {
			manifest, err := backup.Take(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, manifest.Name)
		}
		if removed, err := backup.Prune(t.Context(), shelf, 2); err != nil || removed != 2 {
			t.Errorf("removed %d, %v", removed, err)
		}
		list, err := backup.List(t.Context(), shelf)
		if err != nil || len(list) != 2 || list[0].Name != names[3] || list[1].Name != names[2] {
			t.Errorf("left: %v, %v", list, err)
		}
		files, _ := shelf.List(t.Context())
		if !slices.Contains(files, "somebody/else") || slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, names[0]) }) {
			t.Errorf("files: %v", files)
		}
	})
}
