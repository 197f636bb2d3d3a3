package learner

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
)

func mustParse(t *testing.T, text string) address {
	t.Helper()
	a, err := parseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAnAddressIsFoundHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	ann := mustParse(t, " Ann@Example.org ")
	for name, body := range map[string]string{
		"plain": `{"email":"ann@example.org"}`, "case": `{"email":"ANN@Example.ORG"}`, "alone": "ann@example.org",
		"json escape": `{"email":"ann\u0040example.org"}`, "json escape in capitals": `{"email":"ANN\u0040EXAMPLE.ORG"}`,
		"escaped letters": `{"email":"\u0061nn@example.org"}`, "behind an escape": `{"note":"buyer:\nann@example.org"}`,
		"form": "email=ann%40example.org&x=1", "form, lower hex": "a=%22ann%40example%2eorg%22", "json in a form": "payload=" + url.QueryEscape(`{"e":"ann\u0040example.org"}`),
		"form in json": `{"raw":"a=1&email=ann%40example.org"}`, "form twice": url.QueryEscape(url.QueryEscape("ann@example.org")),
		"gzip": packed(t, `{"email":"ann@example.org"}`), "sentence": "mail ann@example.org.", "mailbox": `Ann <ann@example.org>`, "link": "mailto:ann@example.org?x",
		"avro": "\x06ann\x1eann@example.orgOAnn and more",
	} {
		if !ann.in([]byte(body)) {
			t.Errorf("%s: not found in %q", name, body)
		}
	}
	for name, body := range map[string]string{
		"another's end": `{"email":"joann@example.org"}`, "another's beginning": `{"email":"ann@example.org.uk"}`, "tag": "mary+ann@example.org",
		"dot": "x.ann@example.org", "domain": "ann@example.organic", "hyphen": "ann@example.org-x.de", "none": `{"email":""}`, "other": "ann@example.com",
		"empty": "", "lone escape": `\u00`, "percent": "100%", "umlaut before": "üann@example.org",
	} {
		if ann.in([]byte(body)) {
			t.Errorf("%s: found in %q", name, body)
		}
	}
}

func TestAnAddressIsFoundInAvroWhoseLengthReadsLikeALetter(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a", 20) + "@example.org" // 32 bytes: its length is written as "@", its name's as "J"
	a := mustParse(t, text)
	if !a.in([]byte("x@" + text + "JAnn")) {
		t.Error("not found")
	}
	long := mustParse(t, strings.Repeat("a", 60)+"@example.org") // 72 bytes: two bytes of length, 0x90 0x01
	if !long.in([]byte("x\x90\x01" + long.text + "JAnn")) {
		t.Error("not found behind a length of two bytes")
	}
}

func TestTextsThatAreNoAddressAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "ann", "@x.org", "ann@", "a@b@c", "a b@c.org", "a,b@c.org", relay.ForgottenAddress("x"), strings.Repeat("a", 250) + "@b.org"} {
		if _, err := parseAddress(text); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnAddressIsTakenOutOfATextAndNothingElse(t *testing.T) {
	t.Parallel()
	ann := mustParse(t, "ann@example.org")
	for text, want := range map[string]string{
		"no such account: ANN@example.org; joann@example.org stays": "no such account: X; joann@example.org stays",
		`["line 1: ann@example.org", "ann@example.org"]`:            `["line 1: X", "X"]`, "nothing": "nothing",
		`echo {"e":"ann\u0040example.org"}`: "", // escaped: nothing of it stays
	} {
		if got := ann.scrub(text, "X"); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestOthersInAMessageAreSeen(t *testing.T) {
	t.Parallel()
	ann := mustParse(t, "ann@example.org")
	for body, want := range map[string]bool{
		`{"email":"ann@example.org","contact":"ANN@EXAMPLE.ORG"}`: false, `{"a":"ann@example.org","b":"bob@example.org"}`: true,
		`{"b":"joann@example.org"}`: true, `{"b":"bob\u0040example.org"}`: true, "b=bob%40example.org": true, `{"handle":"@bob"}`: false, `{"x":"a@b"}`: false,
	} {
		if ann.namesOthers([]byte(body)) != want {
			t.Errorf("%s: want %v", body, want)
		}
	}
}

func event(body string) *relay.Received {
	return &relay.Received{Stream: relay.StreamEvents, Message: relay.Message{Body: []byte(body)}}
}

func TestAPersonIsKnownByTheNamesThatBelongToTheAddress(t *testing.T) {
	t.Parallel()
	p := newPerson(mustParse(t, "ann@example.org"))
	p.learn([]byte(`{"enrollment":{"user":{"id":77,"is_active":true,"pii":{"username":"ann1","email":"Ann@Example.org","name":"Ann"}},
		"created_by":{"id":5,"pii":{"username":"staff","email":"staff@example.org","name":"S"}}}}`))
	if got := strings.Join(append(sorted(p.usernames), sorted(p.ids)...), " "); got != "ann1 77" {
		t.Fatalf("learned %q", got)
	}
	for body, want := range map[string]string{
		`{"user":{"id":9,"pii":{"username":"ann1","email":"","name":""}}}`:      relay.NamedByUsername,
		`{"user":{"id":9,"pii":{"username":"\u0061nn1","email":"","name":""}}}`: relay.NamedByUsername,
		`{"grade":{"user_id":77,"percent_grade":0.5}}`:                          relay.NamedByUserID,
		`{"subsidy_redemption":{"lms_user_id":77}}`:                             relay.NamedByUserID,
		`{"notification_data":{"user_ids":[77]}}`:                               relay.NamedByUserID,
		`{"notification_data":{"user_ids":[76,77,78]}}`:                         "", // names many at once
		`{"grade":{"user_id":770,"percent_grade":0.77}}`:                        "",
		`{"course":{"id":77,"name":"ann1"}}`:                                    "",
		`{"user":{"id":8,"pii":{"username":"ann11","email":"","name":"ann1"}}}`: "",
		`not json ann1 77`: "",
		`{"enrollment":{"learner":"ANN@example.org"}}`: relay.NamedByAddress,
	} {
		if got := p.names(event(body)); got != want {
			t.Errorf("%s: named by %q, want %q", body, got, want)
		}
	}
	p.meet([]byte(`{"user":{"id":77,"pii":{"username":"ann1","email":"ann@new.example","name":"Ann"}}}`))
	if got := sorted(p.others); len(got) != 1 || got[0] != "ann@new.example" {
		t.Errorf("other addresses %v", got)
	}
}

func TestAnAddressInHeadersAndParkedEntriesIsFound(t *testing.T) {
	t.Parallel()
	p := newPerson(mustParse(t, "ann@example.org"))
	m := event("{}")
	m.About = "Ann@example.org"
	if p.names(m) != relay.NamedByAddress {
		t.Error("not found in ce-subject")
	}
	entry := openedx.StreamEntry{Stream: "s", ID: "1-0", Fields: [][2]string{{"note", "ann@example.org"}, {"event_data", "\x00"}}}
	parked := &relay.Received{Stream: relay.StreamRejected, Message: entry.Park("undecodable")}
	if p.names(parked) != relay.NamedByAddress {
		t.Error("not found in the fields of a parked entry of the bus")
	}
	if header := base64.RawURLEncoding.EncodeToString([]byte("ann@example.org")); !strings.Contains(strings.Join(values(parked.Header), " "), header) {
		t.Error("the entry does not hold the address as base64")
	}
}

func values(header map[string]string) (list []string) {
	for _, v := range header {
		list = append(list, v)
	}
	return list
}

func FuzzReadingAPayloadEndsAndFindsWhatStandsThere(f *testing.F) {
	f.Add([]byte(`{"a":"\u0061"}`))
	f.Add([]byte("a=%2"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := address{text: "q@z.example", local: []byte("q"), domain: []byte("z.example")}
		a.in(body)
		a.namesOthers(body)
		whole := append(append(append([]byte{}, body...), " q@z.example "...), body...)
		if !bytes.HasPrefix(whole, []byte{0x1f, 0x8b}) && !a.in(whole) {
			t.Errorf("not found between %q", body)
		}
		walkUsers(body, func(user) {})
	})
}
