package pyjson_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/pyjson"
)

// hexText is UTF-8, lone surrogates included, in hex.
type hexText string

func (h *hexText) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	*h = hexText(raw)
	return err
}

// fixtures is what testdata/generate.py wrote with CPython.
type fixtures struct {
	Good []struct {
		Source                  hexText
		Compact, Spaced, Sorted string
		Unicode, Repr           hexText
	}
	Bad []struct {
		Source hexText
		Error  string
	}
}

func readFixtures(t *testing.T) fixtures {
	t.Helper()
	raw, err := os.ReadFile("testdata/python.json")
	if err != nil {
		t.Fatal(err)
	}
	var f fixtures
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Good) < 100 || len(f.Bad) < 30 {
		t.Fatalf("%d good and %d bad cases", len(f.Good), len(f.Bad))
	}
	return f
}

func TestWritesWhatPythonWrites(t *testing.T) {
	t.Parallel()
	for _, c := range readFixtures(t).Good {
		v, err := pyjson.Decode([]byte(c.Source), pyjson.DecodeOptions{Constants: pyjson.KeepConstants})
		if err != nil {
			t.Errorf("%q: %v", c.Source, err)
			continue
		}
		for _, form := range []struct {
			name, got, want string
		}{
			{"compact", string(pyjson.Encode(v, pyjson.Style{})), c.Compact},
			{"spaced", string(pyjson.Encode(v, pyjson.Style{Spaced: true})), c.Spaced},
			{"sorted", string(pyjson.Encode(v, pyjson.Style{SortKeys: true})), c.Sorted},
			{"repr", pyjson.Repr(v), string(c.Repr)},
		} {
			if form.got != form.want {
				t.Errorf("%s of %q\n got %q\nwant %q", form.name, c.Source, form.got, form.want)
			}
		}
		unicode := string(pyjson.Encode(v, pyjson.Style{Spaced: true, Unicode: true}))
		if !strings.Contains(c.Compact, `\ud`) && unicode != string(c.Unicode) { // a lone surrogate stays an escape with us
			t.Errorf("unicode of %q\n got %q\nwant %q", c.Source, unicode, c.Unicode)
		}
		if back, err := pyjson.ParseLiteral(string(c.Repr)); err != nil || pyjson.Repr(back) != string(c.Repr) {
			t.Errorf("literal %q: %v %v", c.Repr, back, err)
		}
	}
}

func TestRefusesWhatPythonRefusesInItsWords(t *testing.T) {
	t.Parallel()
	for _, c := range readFixtures(t).Bad {
		v, err := pyjson.Decode([]byte(c.Source), pyjson.DecodeOptions{})
		if err == nil {
			t.Errorf("%.40q parsed as %v", c.Source, v)
		} else if !strings.HasPrefix(err.Error(), c.Error) {
			t.Errorf("%.40q\n got %v\nwant %s", c.Source, err, c.Error)
		}
	}
}
