package openedx

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
	"pgregory.net/rapid"
)

func entryOf(f fixture) BusEntry {
	return BusEntry{
		Type: f.Type, ID: "00000000-0000-11f0-8000-000000000001", Source: "openedx/lms/web", Time: isoTime(f.Time), MinorVersion: "0",
		SourceHost: "lms-1", SourceLib: "10.5.0", Data: f.Avro,
	}
}

func TestBusEntriesBecomeCanonicalAndBack(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range fixtures(t) {
		m, err := c.DecodeBus(entryOf(f), "", time.Time{})
		if err != nil {
			t.Fatalf("%s: %v", f.Type, err)
		}
		if string(m.Body) != f.Body || !m.Time.Equal(f.Time) {
			t.Errorf("%s\n got %s\nwant %s", f.Type, m.Body, f.Body)
		}
		back, err := c.EncodeBus(m)
		if err != nil || string(back.Data) != string(f.Avro) || back.Time != entryOf(f).Time {
			t.Errorf("%s back: %v", f.Type, err)
		}
	}
}

// The plugin and the bus carry the same event: what reaches the log is one message, byte for byte.
func TestPluginAndBusGiveTheSameMessage(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range fixtures(t) {
		posted, err := c.DecodePlugin("application/json", []byte(f.JSON), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		entry := entryOf(f)
		entry.ID = posted.ID
		fromBus, err := c.DecodeBus(entry, "", time.Time{})
		if err != nil || string(fromBus.Body) != string(posted.Body) || fromBus.DedupID != posted.DedupID {
			t.Errorf("%s: %v\n%s\n%s", f.Type, err, fromBus.Body, posted.Body)
		}
	}
}

func TestDiscussionLayoutFollowsTheRelease(t *testing.T) {
	t.Parallel()
	c := load(t)
	text := func(s string) []byte { return appendAvroText(nil, s) }
	const eventType = "org.openedx.learning.discussions.configuration.changed.v1"
	old := slices.Concat(text("course-v1:A+B+C"), text("legacy"), []byte{1, 0, 1}, []byte{0}, []byte{0})
	current := slices.Concat(text("course-v1:A+B+C"), text("legacy"), []byte{0, 1, 0, 1}, []byte{0}, []byte{0})
	for _, tt := range []struct {
		lib     string
		data    []byte
		enabled bool // whether the body has the field
		reason  Reason
	}{
		{"10.5.0", old, false, ReasonLayout}, {"11.0.0", old, false, ""}, {"11.0.7", old, false, ""}, {"11.1.0", current, true, ""},
		{"11.1.0", old, false, ReasonAvro}, {"11.0.0", current, false, ReasonAvro}, {"99.0.0", current, true, ""},
		{"", current, true, ""}, {"", old, false, ""},
	} {
		m, err := c.DecodeBus(BusEntry{Type: eventType, ID: "1", SourceLib: tt.lib, Data: tt.data}, "", time.Unix(0, 0))
		if got := reasonOf(err); got != tt.reason {
			t.Errorf("%q: %v", tt.lib, err)
		}
		if err == nil && strings.Contains(string(m.Body), `"enabled":`) != tt.enabled {
			t.Errorf("%q: %s", tt.lib, m.Body)
		}
	}
}

func reasonOf(err error) Reason {
	if e, ok := errors.AsType[*BusError](err); ok {
		return e.Reason
	}
	return ""
}

func TestWhatDoesNotFitExactlyIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	c := load(t)
	const login = "org.openedx.learning.auth.session.login.completed.v1"
	good := slices.Concat([]byte{84, 1}, appendAvroText(nil, "zoë"), appendAvroText(nil, ""), appendAvroText(nil, "n"))
	huge := binary.AppendVarint(nil, 1<<62)
	const skills = "org.openedx.learning.xblock.skill.verified.v1"
	const enrollment = "org.openedx.learning.course.enrollment.created.v1"
	for name, bad := range map[string]struct {
		entry  BusEntry
		reason Reason
	}{
		"no type":          {BusEntry{Data: good}, ReasonType},
		"type is no token": {BusEntry{Type: "a b", Data: good}, ReasonType},
		"unknown type":     {BusEntry{Type: "org.openedx.new.v1", Data: good}, ReasonUnknown},
		"bad time":         {BusEntry{Type: login, Time: "noon", Data: good}, ReasonMetadata},
		"bad id":           {BusEntry{Type: login, ID: "a\nb", Data: good}, ReasonMetadata},
		"empty":            {BusEntry{Type: login}, ReasonAvro},
		"left over":        {BusEntry{Type: login, Data: append(slices.Clone(good), 0)}, ReasonAvro},
		"cut":              {BusEntry{Type: login, Data: good[:len(good)-1]}, ReasonAvro},
		"bad boolean":      {BusEntry{Type: login, Data: append([]byte{84, 2}, good[2:]...)}, ReasonAvro},
		"invalid UTF-8":    {BusEntry{Type: login, Data: []byte{84, 1, 2, 0xff, 0, 0}}, ReasonAvro},
		"huge text":        {BusEntry{Type: login, Data: slices.Concat([]byte{84, 1}, huge)}, ReasonAvro},
		"negative length":  {BusEntry{Type: login, Data: []byte{84, 1, 1}}, ReasonAvro},
		"endless integer":  {BusEntry{Type: login, Data: []byte(strings.Repeat("\xff", 20))}, ReasonAvro},
		"huge list":        {BusEntry{Type: skills, Data: slices.Concat([]byte{0}, huge)}, ReasonAvro},
		"huge block":       {BusEntry{Type: skills, Data: slices.Concat([]byte{0, 1}, huge, []byte{0, 0})}, ReasonAvro},
		"least long count": {BusEntry{Type: skills, Data: slices.Concat([]byte{0}, binary.AppendVarint(nil, -1<<63), []byte{2, 0, 0})}, ReasonAvro},
		"union index":      {BusEntry{Type: enrollment, Data: slices.Concat(good, appendAvroText(nil, "k"), appendAvroText(nil, ""), []byte{4})}, ReasonAvro},
	} {
		_, err := c.DecodeBus(bad.entry, "fallback", time.Unix(0, 0))
		if got := reasonOf(err); got != bad.reason {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "zoë") {
			t.Errorf("%s: the error holds data: %v", name, err)
		}
	}
}

func TestMissingMetadataFallsBackToWhatStaysTheSame(t *testing.T) {
	t.Parallel()
	f := fixtures(t)[0]
	m, err := load(t).DecodeBus(BusEntry{Type: f.Type, Data: f.Avro}, "stream-1-0", time.Unix(5, 0))
	if err != nil || m.ID != "stream-1-0" || m.DedupID != "stream-1-0" || !m.Time.Equal(time.Unix(5, 0)) || m.Source == "" {
		t.Errorf("%+v %v", m, err)
	}
}

func TestBlocksWithSizesAndRepeatedMapKeys(t *testing.T) {
	t.Parallel()
	list := &layout{kind: KindList, elem: &layout{kind: KindInt}}
	out, err := decodeAvro(nil, []byte{3, 4, 2, 4, 2, 6, 0}, list) // a block of 2 in 2 bytes, a block of 1
	if err != nil || string(out) != "[1,2,3]" {
		t.Errorf("%s %v", out, err)
	}
	dict := &layout{kind: KindDict, elem: &layout{kind: KindInt}}
	out, err = decodeAvro(nil, []byte{6, 2, 'a', 2, 2, 'b', 4, 2, 'a', 6, 0}, dict)
	if err != nil || string(out) != `{"a":3,"b":2}` {
		t.Errorf("%s %v", out, err)
	}
}

func TestAvroRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLayout(t, 3)
		v := drawAvro(t, l)
		data, err := appendAvro(nil, v, l)
		if err != nil {
			t.Fatal(err)
		}
		out, err := decodeAvro(nil, data, l)
		if want := pyjson.Encode(v, canonical()); err != nil || string(out) != string(want) {
			t.Fatalf("%v\n got %s\nwant %s", err, out, want)
		}
		for cut := range data {
			if _, err := decodeAvro(nil, data[:cut], l); err == nil {
				t.Fatalf("%d of %d bytes were enough", cut, len(data))
			}
		}
	})
}

func drawLayout(t *rapid.T, depth int) *layout {
	kinds := []Kind{KindText, KindTime, KindInt, KindFloat, KindBool, KindClass, KindList, KindDict}
	if depth == 0 {
		kinds = kinds[:5]
	}
	l := &layout{kind: rapid.SampledFrom(kinds).Draw(t, "kind"), optional: rapid.Bool().Draw(t, "optional")}
	switch l.kind {
	case KindList, KindDict:
		l.elem = drawLayout(t, depth-1)
	case KindClass:
		for _, name := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "fields")] {
			l.fields = append(l.fields, layoutField{name, drawLayout(t, depth-1)})
		}
	}
	return l
}

func drawAvro(t *rapid.T, l *layout) pyjson.Value {
	if l.optional && rapid.Bool().Draw(t, "null") {
		return nil
	}
	switch l.kind {
	case KindInt:
		return pyjson.Int(rapid.Int64().Draw(t, "int"))
	case KindFloat:
		return pyjson.Float(rapid.Float64().Draw(t, "float"))
	case KindBool:
		return rapid.Bool().Draw(t, "bool")
	case KindList:
		list := pyjson.Array{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawAvro(t, l.elem))
		}
		return list
	case KindDict:
		o := pyjson.NewObject()
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			o.Set(rapid.String().Draw(t, "key"), drawAvro(t, l.elem))
		}
		return o
	case KindClass:
		o := pyjson.NewObject()
		for _, f := range l.fields {
			o.Set(f.name, drawAvro(t, f.layout))
		}
		return o
	}
	return rapid.String().Draw(t, "text")
}

func FuzzDecodeBus(f *testing.F) {
	c := load(f)
	events := c.Events()
	for _, fx := range fixtures(f) {
		i := slices.IndexFunc(events, func(e Event) bool { return e.Type == fx.Type })
		f.Add(uint8(i), "10.5.0", fx.Avro)
	}
	f.Fuzz(func(t *testing.T, which uint8, lib string, data []byte) {
		event := events[int(which)%len(events)]
		m, err := c.DecodeBus(BusEntry{Type: event.Type, ID: "1", SourceLib: lib, Data: data}, "", time.Unix(0, 0))
		if err != nil {
			if reasonOf(err) == "" {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if !json.Valid(m.Body) {
			t.Fatalf("%q", m.Body)
		}
		if _, _, err := c.Encode(relay.FormatPluginForm, m); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkDecodeBus(b *testing.B) {
	c := load(b)
	entry := entryOf(fixtures(b)[1])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.DecodeBus(entry, "", time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
