package command

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/internal/webfilter"
	filtering "github.com/edrelay/edrelay/services/notifier/filter"
)

// filters runs the filter service on the test's log and ledger.
func (o *operated) filters() *filtering.Desk {
	o.t.Helper()
	catalogue, err := openedx.Load()
	if err != nil {
		o.t.Fatal(err)
	}
	ring, err := sealing.New(sealing.NewKey())
	if err != nil {
		o.t.Fatal(err)
	}
	caller, err := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		o.t.Fatal(err)
	}
	service, err := filtering.New(filtering.Options{Ledger: o.store, Bus: o.bus, Caller: caller, Sealer: ring, Catalogue: catalogue})
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	o.t.Cleanup(func() { cancel(); <-ended })
	return &filtering.Desk{
		Declarations: &filtering.Declarations{Ledger: o.store, Sealer: ring, Catalogue: catalogue, Changed: service.Refresh},
		Record:       o.store, Service: service,
	}
}

// ask asks as Open edX does, and gives what it hears.
func (o *operated) ask(class string) string {
	o.t.Helper()
	catalogue, err := openedx.Load()
	if err != nil {
		o.t.Fatal(err)
	}
	body := `{"user":{"first_name":""},"event_metadata":{"event_type":"` + class + `","time":""}}`
	question, err := webfilter.Parse(catalogue, "application/json", []byte(body))
	if err != nil {
		o.t.Fatal(err)
	}
	answer, _ := webfilter.Ask(o.t.Context(), o.bus, question, time.Now())
	return string(answer)
}

func (o *operated) must(args ...string) string {
	o.t.Helper()
	got := o.run(args...)
	if got.status != 0 {
		o.t.Fatalf("%v: status %d, %s%s", args, got.status, got.out, got.err)
	}
	return got.out
}

func TestFiltersAreSteeredFromTheCommandLine(t *testing.T) {
	t.Parallel()
	o := operate(t)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":{"user":{"first_name":"Ada","is_staff":true}}}`)
	}))
	t.Cleanup(gate.Close)
	address := strings.Replace(gate.URL, "http://", "http://u:s3cret@", 1)

	o.must("filter", "add", "gate", "--filter", "StudentLoginRequested", "--url", address, "--halt-on-4xx", "--timeout", "2s")
	if got := o.ask("StudentLoginRequested"); got != `{"data":{"user":{"first_name":"Ada"}}}` {
		t.Errorf("Open edX hears %s", got)
	}
	rows := o.rows("filter", "ls")
	if len(rows) != 1 || rows[0]["name"] != "gate" || rows[0]["halt_on_4xx"] != true || rows[0]["timeout"] != "2s" || rows[0]["state"] != "active" ||
		strings.Contains(rows[0]["url"].(string), "s3cret") {
		t.Errorf("%v", rows)
	}
	if out := o.must("filter", "test", "gate"); !strings.Contains(out, "is_staff: could forge") || !strings.Contains(out, `{"data":{"user":{"first_name":"Ada"}}}`) || strings.Contains(out, "s3cret") {
		t.Errorf("%s", out)
	}
	o.must("filter", "pause", "gate")
	if got := o.ask("StudentLoginRequested"); got != "{}" {
		t.Errorf("paused: %s", got)
	}
	o.must("filter", "resume", "gate")
	if out := o.must("filter", "edit", "gate", "--halt-on-4xx=false", "--output", "json"); !strings.Contains(out, `"halt_on_4xx": false`) {
		t.Errorf("%s", out)
	}
	if out := o.must("filter", "show", "gate"); !strings.Contains(out, "StudentLoginRequested") || strings.Contains(out, "s3cret") {
		t.Errorf("%s", out)
	}
	o.must("filter", "rm", "gate")
	if rows := o.rows("filter", "ls"); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
	if got := o.run("filter", "show", "gate"); got.status != 1 {
		t.Errorf("%+v", got)
	}
	if got := o.run("filter", "edit", "gate"); got.status != 2 {
		t.Errorf("%+v", got)
	}
}

func TestFiltersAreAppliedFromAFile(t *testing.T) {
	t.Parallel()
	o := operate(t)
	file := filepath.Join(t.TempDir(), "filters.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`
subscriptions: []
filters:
  - name: gate
    filter: IdvPageUrlRequested
    url: https://gate.example/filter
    timeout: 3s
    redirect_on_4xx: ""
  - { name: other, filter: StudentLoginRequested, url: "https://o.example", parallel: true }
`)
	for range 2 { // a dry run changes nothing
		rows := o.rows("filter", "apply", "-f", file, "--dry-run")
		if len(rows) != 2 || rows[0]["name"] != "gate" || rows[0]["action"] != "added" {
			t.Fatalf("%v", rows)
		}
	}
	o.must("filter", "apply", "-f", file)
	if rows := o.rows("filter", "apply", "-f", file); rows[0]["action"] != "unchanged" || rows[1]["action"] != "unchanged" {
		t.Errorf("%v", rows)
	}
	write("filters: []")
	if rows := o.rows("filter", "ls", "--state", "active"); len(rows) != 2 || rows[0]["filter"] != "IDVPageURLRequested" {
		t.Errorf("%v", rows)
	}
	o.must("filter", "apply", "-f", file, "--prune")
	for _, wrong := range []string{
		"filter: []", "filters:\n  - {name: a, nosuch: 1}", "filters:\n - {name: s3cret x, url: 'https://u:s3cret@x', filter: StudentLoginRequested}", ":", "filters: {}",
		"filters:\n - {name: a, filter: StudentLoginRequested, url: 'https://a.example'}\n - {name: a, filter: StudentLoginRequested, url: 'https://b.example'}",
	} {
		write(wrong)
		if got := o.run("filter", "apply", "-f", file); got.status != 1 || strings.Contains(got.err, "https://u:s3cret") {
			t.Errorf("%q: %+v", wrong, got)
		}
	}
	if rows := o.rows("filter", "ls"); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
}
