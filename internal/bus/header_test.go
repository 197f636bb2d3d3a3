package bus

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestAttributesSurviveTheHeader(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := relay.Message{Subject: "events.a", ID: rapid.String().Draw(t, "id"), Type: rapid.String().Draw(t, "type"),
			Source: rapid.String().Draw(t, "source"), About: rapid.String().Draw(t, "about"),
			Header: map[string]string{"ce-x": rapid.String().Draw(t, "extension")}}
		raw := encode(m)
		for name, values := range raw.Header {
			for _, c := range []byte(values[0]) {
				if c <= ' ' || c > '~' || c == '"' {
					t.Fatalf("header %s holds byte %#x", name, c)
				}
			}
		}
		got := decode(raw.Subject, raw.Header, raw.Data)
		if got.ID != m.ID || got.Type != m.Type || got.Source != m.Source || got.About != m.About || got.Header["ce-x"] != m.Header["ce-x"] {
			t.Fatalf("wrote %+v\nread %+v", m, got)
		}
	})
}

func TestSendersHeadersCannotCommandTheServer(t *testing.T) {
	t.Parallel()
	m := relay.Message{ID: "a", Header: map[string]string{"nats-rollup": "all", "Nats-Msg-Id": "x", "nats-expected-last-sequence": "9",
		"bad name": "x", "ce-id": "forged", "x-ok": "1"}}
	raw := encode(m)
	if len(raw.Header) != 5 || raw.Header["x-ok"][0] != "1" || raw.Header["ce-id"][0] != "a" {
		t.Errorf("headers %v", raw.Header)
	}
}

func TestJoinedSubjectsCoverAllAndDoNotOverlap(t *testing.T) {
	t.Parallel()
	token := rapid.SampledFrom([]string{"a", "b", "c", "*"})
	rapid.Check(t, func(t *rapid.T) {
		subjects := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			s := "events"
			for range rapid.IntRange(1, 3).Draw(t, "tokens") {
				s += "." + token.Draw(t, "token")
			}
			if rapid.Bool().Draw(t, "tail") {
				s += ".>"
			}
			return s
		}), 0, 6).Draw(t, "subjects")
		joined := joinSubjects(subjects)
		for i, a := range joined {
			for _, b := range joined[i+1:] {
				if overlap(a, b) {
					t.Fatalf("%v of %v overlap", joined, subjects)
				}
			}
		}
		for _, s := range subjects {
			covered := false
			for _, j := range joined {
				covered = covered || cover(j, s) == j
			}
			if !covered {
				t.Fatalf("%s of %v is not covered by %v", s, subjects, joined)
			}
		}
	})
}
