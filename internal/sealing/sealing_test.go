package sealing

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func ring(t testing.TB, keys ...string) *Ring {
	t.Helper()
	made, err := New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestWhatIsSealedOpensAgainAndTellsNothing(t *testing.T) {
	t.Parallel()
	r := ring(t, NewKey())
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 16, 80).Draw(t, "plain")
		sealed := r.Seal(plain, "subscription")
		if bytes.Contains(sealed, plain) || bytes.Equal(sealed, r.Seal(plain, "subscription")) {
			t.Fatal("the sealed secret tells something")
		}
		if got, err := r.Open(sealed, "subscription"); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, error %v", got, err)
		}
		if _, err := r.Open(sealed, "filter"); !errors.Is(err, ErrOpen) {
			t.Fatal("it opens for another thing")
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "changed byte")
		sealed[i] ^= 1
		if _, err := r.Open(sealed, "subscription"); !errors.Is(err, ErrOpen) {
			t.Fatalf("it opens with byte %d changed", i)
		}
		if _, err := r.Open(sealed[:i], "subscription"); !errors.Is(err, ErrOpen) {
			t.Fatal("it opens cut short")
		}
	})
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	old, fresh := NewKey(), NewKey()
	sealed := ring(t, old).Seal([]byte("s"), "x")
	both := ring(t, fresh, old)
	if got, err := both.Open(sealed, "x"); err != nil || string(got) != "s" {
		t.Fatalf("the old key does not open: %v", err)
	}
	if !both.Stale(sealed) || both.Stale(both.Seal([]byte("s"), "x")) {
		t.Fatal("what is stale is told wrongly")
	}
	if _, err := ring(t, fresh).Open(sealed, "x"); !errors.Is(err, ErrOpen) {
		t.Fatal("it opens without its key")
	}
}

func TestKeysOfWrongShapeAreErrorsThatDontTellThem(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "secretsecretsecretsecretsecret32", "c2hvcnQ=", NewKey() + "AAAA"} {
		if _, err := New(text); !errors.Is(err, ErrKey) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := New(); err == nil {
		t.Error("a ring without keys is made")
	}
}

func TestTheKeyFileIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "sealing.key")
	var group sync.WaitGroup
	rings := make([]*Ring, 8)
	for i := range rings {
		group.Go(func() {
			made, err := LoadOrCreate(path)
			if err != nil {
				t.Error(err)
			}
			rings[i] = made
		})
	}
	group.Wait()
	sealed := rings[0].Seal([]byte("s"), "x")
	for _, r := range rings[1:] {
		if _, err := r.Open(sealed, "x"); err != nil {
			t.Error("two starts made two keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

func TestAKeyFileMayHoldOldKeysAndComments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	old, fresh := NewKey(), NewKey()
	if err := os.WriteFile(path, []byte("# rotated in March\n"+fresh+"\n\n"+old+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.Open(ring(t, old).Seal([]byte("s"), "x"), "x"); err != nil {
		t.Error(err)
	}
	if loaded.Stale(ring(t, fresh).Seal([]byte("s"), "x")) {
		t.Error("the first line does not seal")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
