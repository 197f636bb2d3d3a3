package openedx

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"pgregory.net/rapid"
)

func streamEntry(f fixture, extra ...[2]string) StreamEntry {
	e := entryOf(f)
	return StreamEntry{Stream: "dev-learning", ID: "1795293457646-0", Fields: append([][2]string{
		{"type", e.Type}, {"id", e.ID}, {"source", e.Source}, {"time", e.Time}, {"minorversion", "0"}, {"sourcehost", e.SourceHost},
		{"sourcelib", e.SourceLib}, {"event_data", string(e.Data)},
	}, extra...)}
}

func TestEntriesWithoutMetadataGetTheSameIdEveryTime(t *testing.T) {
	t.Parallel()
	c, f := load(t), fixtures(t)[0]
	e := StreamEntry{Stream: "s", ID: "1795293457646-3", Fields: [][2]string{{"type", f.Type}, {"event_data", string(f.Avro)}}}
	first, err := c.DecodeEntry(e)
	again, err2 := c.DecodeEntry(e)
	if err != nil || err2 != nil || first.ID != again.ID || len(first.ID) != 36 || !first.Time.Equal(time.UnixMilli(1795293457646)) {
		t.Errorf("%+v %v", first, err)
	}
	if e.ID = "1795293457646-4"; again.ID == mustDecode(t, c, e).ID {
		t.Error("two entries have one id")
	}
}

func mustDecode(t *testing.T, c *Catalogue, e StreamEntry) relay.Message {
	t.Helper()
	m, err := c.DecodeEntry(e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParkedEntriesKeepEveryByte(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := StreamEntry{Stream: "dev-topic", ID: "5-1"}
		name := rapid.OneOf(rapid.SampledFrom([]string{"type", "event_data", ""}), rapid.Custom(bytesText))
		for range rapid.IntRange(0, 6).Draw(t, "fields") {
			e.Fields = append(e.Fields, [2]string{name.Draw(t, "name"), rapid.Custom(bytesText).Draw(t, "value")})
		}
		if rapid.Bool().Draw(t, "huge") {
			e.Fields = append(e.Fields, [2]string{"x", strings.Repeat("\xff", maxFields)})
		}
		m := e.Park(ReasonAvro)
		back, err := ParkedEntry(m)
		if err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%v\n got %q\nwant %q", err, back, e)
		}
		for key, value := range m.Header {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || len(value) > maxFields {
				t.Fatalf("header %s can't stand", key)
			}
		}
	})
}

func bytesText(t *rapid.T) string {
	return string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
}

func TestAParkedEntryIsReadAgainOnceItCanBe(t *testing.T) {
	t.Parallel()
	c, f := load(t), fixtures(t)[0]
	good := streamEntry(f)
	m := good.Park(ReasonUnknown)
	if m.Subject != "rejected.bridge.unknown" || string(m.Body) != string(f.Avro) || m.Header[relay.HeaderReason] != "unknown" || !Parked(m) {
		t.Errorf("%+v", m)
	}
	if back, err := c.Unpark(m); err != nil || string(back.Body) != f.Body {
		t.Errorf("%s %v", back.Body, err)
	}
	if _, err := c.Unpark(streamEntry(f, [2]string{"event_data", "cut"}).Park(ReasonAvro)); reasonOf(err) != ReasonAvro {
		t.Errorf("still broken: %v", err)
	}
	if _, err := c.Unpark(relay.Message{}); err == nil {
		t.Error("a webhook is no entry")
	}
}
