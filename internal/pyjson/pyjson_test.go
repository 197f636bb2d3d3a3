package pyjson_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/pyjson"
	"pgregory.net/rapid"
)

func TestConstantsAreTakenAsAsked(t *testing.T) {
	t.Parallel()
	const text = `[NaN,-Infinity]`
	if _, err := pyjson.Decode([]byte(text), pyjson.DecodeOptions{}); err == nil {
		t.Error("NaN was taken for JSON")
	}
	for want, constants := range map[string]pyjson.Constants{"[null,null]": pyjson.NullConstants, text: pyjson.KeepConstants} {
		v, err := pyjson.Decode([]byte(text), pyjson.DecodeOptions{Constants: constants})
		if got := string(pyjson.Encode(v, pyjson.Style{})); err != nil || got != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
}

func TestNumbersKeepTheirTextWhereAsked(t *testing.T) {
	t.Parallel()
	const text = `[1.10,1E5,-0,1e400,123456789012345678901234567890]`
	v, err := pyjson.Decode([]byte(text), pyjson.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(pyjson.Encode(v, pyjson.Style{Source: true, Finite: true})); got != text {
		t.Errorf("source: %s", got)
	}
	if got := string(pyjson.Encode(v, pyjson.Style{Finite: true})); got != `[1.1,100000.0,0,null,123456789012345678901234567890]` {
		t.Errorf("finite: %s", got)
	}
}

func TestLoneSurrogatesAreKeptOrRefused(t *testing.T) {
	t.Parallel()
	const text = `{"\ud800":"\udfff\ud800x"}`
	v, err := pyjson.Decode([]byte(text), pyjson.DecodeOptions{})
	if got := string(pyjson.Encode(v, pyjson.Style{Unicode: true})); err != nil || got != text {
		t.Errorf("got %s %v", got, err)
	}
	if _, err := pyjson.Decode([]byte(text), pyjson.DecodeOptions{RejectSurrogates: true}); err == nil {
		t.Error("a lone surrogate was not refused")
	}
	if _, err := pyjson.Decode([]byte(`"`+"\xed\xa0\x80"+`"`), pyjson.DecodeOptions{}); err == nil {
		t.Error("a raw surrogate is not UTF-8 and was not refused")
	}
}

func TestStrangersMeetLimits(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 100_000)
	for _, text := range []string{deep, strings.Repeat(`{"a":`, 100_000), `"` + strings.Repeat("x", 17<<20) + `"`} {
		if _, err := pyjson.Decode([]byte(text), pyjson.DecodeOptions{}); err == nil {
			t.Errorf("%.8s… was taken", text)
		}
	}
	if _, err := pyjson.Decode([]byte("[[]]"), pyjson.DecodeOptions{MaxDepth: 1}); err == nil {
		t.Error("two levels passed for one")
	}
	if _, err := pyjson.ParseLiteral(deep); err == nil {
		t.Error("a deep literal was taken")
	}
}

func TestErrorsHoldNoneOfTheText(t *testing.T) {
	t.Parallel()
	_, err := pyjson.Decode([]byte(`{"email": "ana@example.com", secret}`), pyjson.DecodeOptions{})
	if err == nil || strings.Contains(err.Error(), "ana") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error: %v", err)
	}
}

func TestObjectKeepsThePlaceOfAKeyAndItsLastValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := pyjson.NewObject()
		var order []string
		want := map[string]string{}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := rapid.StringMatching(`[a-z]{1,2}`).Draw(t, "key")
			_, had := want[key]
			if rapid.IntRange(0, 3).Draw(t, "action") == 0 {
				o.Delete(key)
				delete(want, key)
				order = without(order, key)
				continue
			}
			value := rapid.String().Draw(t, "value")
			o.Set(key, value)
			want[key] = value
			if !had {
				order = append(order, key)
			}
		}
		var got []string
		for key, value := range o.All() {
			got = append(got, key)
			if again, ok := o.Get(key); !ok || again != value || value != want[key] {
				t.Fatalf("%q is %q", key, value)
			}
		}
		if strings.Join(got, ",") != strings.Join(order, ",") || o.Len() != len(order) {
			t.Fatalf("order %v, want %v", got, order)
		}
	})
}

func without(list []string, gone string) []string {
	var out []string
	for _, s := range list {
		if s != gone {
			out = append(out, s)
		}
	}
	return out
}

func TestReadingWhatWasWrittenGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 4)
		style := pyjson.Style{Spaced: rapid.Bool().Draw(t, "spaced"), Unicode: rapid.Bool().Draw(t, "unicode"), Finite: true}
		text := pyjson.Encode(v, style)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %q", text)
		}
		back, err := pyjson.Decode(text, pyjson.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if again := pyjson.Encode(back, style); !bytes.Equal(again, text) {
			t.Fatalf("%q became %q", text, again)
		}
		repr := pyjson.Repr(back)
		literal, err := pyjson.ParseLiteral(repr)
		if err != nil || pyjson.Repr(literal) != repr {
			t.Fatalf("literal %q: %v", repr, err)
		}
	})
}

func drawValue(t *rapid.T, depth int) pyjson.Value {
	switch rapid.IntRange(0, 4+min(depth, 2)).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return pyjson.Int(rapid.Int64().Draw(t, "int"))
	case 3:
		return pyjson.Float(rapid.Float64().Draw(t, "float"))
	case 4:
		return rapid.String().Draw(t, "text")
	case 5:
		array := pyjson.Array{}
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			array = append(array, drawValue(t, depth-1))
		}
		return array
	}
	object := pyjson.NewObject()
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		object.Set(rapid.String().Draw(t, "key"), drawValue(t, depth-1))
	}
	return object
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-0.5e3,"\ud83d\ude00\ud800"],"a":null}`, `[NaN]`, "\"\\u12", "[1,", "{\"a\" 1}", "1e999"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := pyjson.Decode(data, pyjson.DecodeOptions{MaxDepth: 50})
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q is not JSON", data)
		}
		text := pyjson.Encode(v, pyjson.Style{Finite: true})
		back, err := pyjson.Decode(text, pyjson.DecodeOptions{})
		if err != nil || !bytes.Equal(pyjson.Encode(back, pyjson.Style{Finite: true}), text) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func FuzzParseLiteral(f *testing.F) {
	for _, seed := range []string{`{'a': [1, 'two', None, (1,)], "b'": -inf}`, `{1, 2}`, `'\x7f\U0001f600'`, "set()", "((((", "{'a': 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := pyjson.ParseLiteral(text)
		if err != nil {
			return
		}
		repr := pyjson.Repr(v)
		if back, err := pyjson.ParseLiteral(repr); err != nil || pyjson.Repr(back) != repr {
			t.Fatalf("%q: %q %v", text, repr, err)
		}
	})
}

func TestCharactersNewerThanOpenEdxsPythonAreEscapedInReprs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\U0001FAE8": `'\U0001fae8'`, // Unicode 15
		"\u0CF3":     `'\u0cf3'`,
		"\U0001CD00": `'\U0001cd00'`, // 16
		"\U0001FAE7": "'\U0001FAE7'", // 14
	} {
		if got := pyjson.Repr(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const printable = 144516 // as counted with str.isprintable of Python 3.11
	count := 0
	for r := range rune(0x110000) {
		text := string(r)
		if r >= 0xd800 && r < 0xe000 {
			continue // half a character is never printed
		}
		if repr := pyjson.Repr(text); r == '\'' || r == '\\' || repr[1:len(repr)-1] == text {
			count++
		}
	}
	if count != printable {
		t.Errorf("%d printable characters, Python has %d", count, printable)
	}
}
