package egress

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestURLsThatCantBeCalledAreErrorsWithoutTheURL(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", " http://a/", "ftp://s3cret.example/", "http:s3cret", "http:///s3cret", "//s3cret/", "s3cret", "http://s3cret.example/#frag", "http://s3cret.example/#",
		"http://s3cret:0/", "http://s3cret:70000/", "http://s3cret:x/", "http://s3 cret/", "http://s3cret.example/\r\nX: y", "http://[fe80::1%25s3cret]/",
		"file:///s3cret", "gopher://s3cret/", "http://" + strings.Repeat("a", 2048), "javascript:s3cret", "http://?s3cret",
	} {
		if _, err := ParseURL(raw); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: error %v", raw, err)
		}
	}
	for _, raw := range []string{"http://a.example", "https://user:pw@a.example:8443/x?y=z", "http://[2001:db8::1]:80/", "http://127.0.0.1:1/"} {
		if _, err := ParseURL(raw); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestDisplayTellsNeitherUserNorQuery(t *testing.T) {
	t.Parallel()
	u := parse(t, "https://user:pw@a.example:8443/x%2Fy?token=z")
	if got := Display(u); got != "https://a.example:8443/x%2Fy" {
		t.Fatal(got)
	}
	if got := HostPort(parse(t, "https://A.example/")); got != "a.example:443" {
		t.Fatal(got)
	}
}

func TestOperatorsHeadersCantSmuggle(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"X-A": "a\r\nX-B: b", "X-B": "a\nb", "X-C": "nul\x00", "X D": "v", "X:E": "v", "": "v", "Host": "v", "host": "v", "Content-Length": "5",
		"Transfer-Encoding": "chunked", "Connection": "close", "TE": "trailers", "Upgrade": "h2c", "Proxy-Authorization": "v", "Trailer": "X",
		"Webhook-Signature": "v1,x", "ce-id": "x", "Content-Type": "text/plain", "Expect": "100-continue", "Keep-Alive": "1", "X-É": "v",
	} {
		if err := CheckHeader(name, value); err == nil || value != "v" && len(value) > 2 && strings.Contains(err.Error(), value) {
			t.Errorf("%q: %q: error %v", name, value, err)
		}
	}
	for _, name := range []string{"X-Team", "Authorization", "User-Agent", "Accept"} {
		if err := CheckHeader(name, "some value"); err != nil {
			t.Error(err)
		}
	}
	if CheckHeaders(map[string]string{"X-A": "1", "x-a": "2"}) == nil {
		t.Error("one name twice is taken")
	}
	if CheckHeaders(map[string]string{"X-A": strings.Repeat("a", 9000)}) == nil {
		t.Error("9000 bytes are taken")
	}
}

func TestRetryAfterIsSecondsOrADateWithinTheLimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0": 0, "1.2": 2 * time.Second, "99999999999999999999": 24 * time.Hour, " 7 ": 7 * time.Second,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0, "Tue, 01 Mar 2033 11:00:00 GMT": 24 * time.Hour,
	} {
		if got, ok := RetryAfter(http.Header{"Retry-After": {text}}, now, 24*time.Hour); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "soon", "-5", "NaN"} {
		if got, ok := RetryAfter(http.Header{"Retry-After": {text}}, now, time.Hour); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add([]byte("plain\x1b[31m\x00\xff text"), 10)
	f.Fuzz(func(t *testing.T, body []byte, limit int) {
		limit %= 2048
		text := Printable(body, limit)
		if len(text) > max(limit, 0) || !utf8.ValidString(text) {
			t.Fatalf("%q", text)
		}
		for _, r := range text {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				t.Fatalf("control character %U", r)
			}
		}
	})
}

func FuzzParseURL(f *testing.F) {
	f.Add("https://user:pw@a.example:8443/x?y=z")
	f.Add("http://[::ffff:127.0.0.1]/")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			return
		}
		if u.Hostname() == "" || strings.ContainsAny(u.Host, "\r\n ") || strings.Contains(Display(u), "?") || strings.Contains(Display(u), "@") && u.User != nil && !strings.Contains(u.Path, "@") {
			t.Fatalf("%q: %q", text, Display(u))
		}
	})
}
