package drill

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/services/edrelay/client"
	"github.com/edrelay/edrelay/services/lmssim"
	"github.com/edrelay/edrelay/services/lmssim/campus"
)

const (
	shopDomain = "drill.myshopify.com"
	shopSecret = "the-shop-of-the-drill-signs-with-this"
	adminToken = "the-admin-token-of-the-drill"
	course     = "course-v1:Drill+One+2026"
)

// lms starts a simulated Open edX that knows the course and edrelay.
func lms(t testing.TB) (*lmssim.Server, string) { return lmsAt(t, "127.0.0.1") }

func lmsAt(t testing.TB, host string) (*lmssim.Server, string) {
	t.Helper()
	sim := lmssim.New(lmssim.Options{})
	err := sim.Load(lmssim.State{
		Snapshot: campus.Snapshot{
			Courses: []lmssim.Course{{Key: course, Name: "Drill"}},
			Users:   []lmssim.User{{Username: "edrelay", Email: "edrelay@lms.example", Active: true, Staff: true}},
		},
		Clients: []lmssim.Client{{ID: "edrelay", Secret: "secret-of-edrelay", Owner: "edrelay"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); <-ended })
	return sim, "http://" + listener.Addr().String()
}

// site is the configuration of an edrelay and how to speak to it.
type site struct {
	t           testing.TB
	dir         string
	door, admin string // host:port
	nats        string // of the embedded server
	env         []string
}

// newSite makes a data dir and a configuration for `up`; further lines of YAML may be added.
func newSite(t testing.TB, lmsURL string, more ...string) *site {
	t.Helper()
	s := &site{t: t, dir: openDir(t), door: embeddedtest.FreeAddr(t), admin: embeddedtest.FreeAddr(t), nats: embeddedtest.FreeAddr(t)}
	s.configure(lmsURL, more...)
	return s
}

func (s *site) configure(lmsURL string, more ...string) {
	s.t.Helper()
	text := fmt.Sprintf(`data_dir: %s
http: { addr: %q }
admin: { addr: %q, token: %q }
log: { format: text }
sources:
  - { name: shop, kind: shopify, shop_domain: %s, secrets: [%s] }
  - { name: openedx, kind: openedx, username: plugin, password: password-of-the-plugin }
notifier: { allow_networks: [127.0.0.0/8, 10.213.0.0/16] }
`, filepath.Join(s.dir, "data"), s.door, s.admin, adminToken, shopDomain, shopSecret)
	if lmsURL != "" {
		text += fmt.Sprintf("lms: { url: %s, client_id: edrelay, client_secret: secret-of-edrelay }\n", lmsURL)
	}
	if len(more) == 0 {
		more = []string{fmt.Sprintf("nats: { embedded: { addr: %q } }", s.nats)}
	}
	for _, line := range more {
		text += line + "\n"
	}
	if err := os.WriteFile(filepath.Join(s.dir, "edrelay.yaml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// openDir is a folder of the test that other users may pass, as Postgres must when root runs the test.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edrelay-drill-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// up starts `edrelay up` and waits until it is ready.
func (s *site) up(wrap ...string) *process {
	s.t.Helper()
	p := start(s.t, s.dir, s.env, []string{"up"}, wrap...)
	s.ready(p)
	return p
}

func (s *site) ready(p *process) {
	s.t.Helper()
	await(s.t, "edrelay is not ready", 90*time.Second, func() bool {
		select {
		case <-p.ended:
			s.t.Fatalf("edrelay ended: %v", p.err)
		default:
		}
		return answers("http://"+s.admin+"/readyz", 200)
	})
}

// command runs a command of edrelay against the site.
func (s *site) command(args ...string) (string, error) {
	s.t.Helper()
	env := append([]string{"EDRELAY_SERVER=http://" + s.admin, "EDRELAY_ADMIN_TOKEN=" + adminToken}, s.env...)
	return run(s.t, s.dir, env, args...)
}

func (s *site) mustCommand(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...)
	if err != nil {
		s.t.Fatalf("edrelay %v: %v\n%s", args, err, out)
	}
	return out
}

// rows reads a list of the REST API, all of it.
func rows[T any](s *site, path string) []T {
	s.t.Helper()
	return some[T](s, path, url.Values{}, 0)
}

// some reads a list of the REST API, at most limit rows (0 = all).
func some[T any](s *site, path string, query url.Values, limit int) []T {
	s.t.Helper()
	remote, err := client.New(client.Options{Server: "http://" + s.admin, Token: adminToken})
	if err != nil {
		s.t.Fatal(err)
	}
	var all []T
	_, err = client.Each(s.t.Context(), remote, path, query, limit, func(row T) error {
		all = append(all, row)
		return nil
	})
	if err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	return all
}

// mustGet reads one answer of the REST API as it stands.
func (s *site) mustGet(path string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.admin+"/api/v1"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+adminToken)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s %v", path, answer.StatusCode, body, err)
	}
	return string(body)
}

func learner(order int64) string { return fmt.Sprintf("learner-%d@drill.example", order) }

// order is a signed order of one course for one learner.
func order(door string, id int64) *http.Request { return padded(door, id, "") }

// padded is an order with a long note.
func padded(door string, id int64, note string) *http.Request {
	body := fmt.Appendf(nil, `{"id":%d,"name":"#%d","note":%q,"financial_status":"paid","created_at":"2026-01-15T10:00:00Z","updated_at":"2026-01-15T10:00:00Z",`+
		`"customer":{"id":1,"email":"buyer@company.example"},`+
		`"line_items":[{"id":%d,"sku":%q,"quantity":1,"properties":[{"name":"email","value":%q}]}]}`, id, id, note, id+1, course, learner(id))
	mac := hmac.New(sha256.New, []byte(shopSecret))
	mac.Write(body)
	request, _ := http.NewRequest(http.MethodPost, door+"/webhooks/shopify/order/create", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Shopify-Topic", "orders/create")
	request.Header.Set("X-Shopify-Shop-Domain", shopDomain)
	request.Header.Set("X-Shopify-Webhook-Id", fmt.Sprint("drill-", id))
	request.Header.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return request
}

// send sends an order to the door and gives the status, 0 when there was no answer.
func send(sender *http.Client, door string, id int64) int {
	return outcome(sender.Do(order(door, id)))
}

func sendPadded(door string, id int64, note string) int {
	return outcome(http.DefaultClient.Do(padded(door, id, note)))
}

func outcome(answer *http.Response, err error) int {
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}
