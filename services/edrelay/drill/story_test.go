package drill

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

// told is what a shop says of one order.
type told struct {
	path   string // below /webhooks/shopify/
	body   string
	secret string // "": the shop's own
	status int    // of the door's answer
}

// tale is an order that came to something else than an enrolment, and what must be told of it.
type tale struct {
	order int64
	said  []told
	tells []string // in the terminal and in the browser
}

func cartLine(order int64, sku, learner string) string {
	properties := fmt.Sprintf(`[{"name":"email","value":%q}]`, learner)
	if learner == "" {
		properties = "[]"
	}
	return fmt.Sprintf(`{"id":%d,"sku":%q,"quantity":1,"properties":%s}`, order*10, sku, properties)
}

func created(order int64, sku, learner string) told {
	return told{path: "order/create", status: 200, body: fmt.Sprintf(`{"id":%d,"name":"#%d","updated_at":"2026-01-15T10:00:00Z","line_items":[%s]}`, order, order, cartLine(order, sku, learner))}
}

func cancelled(order int64, learner string) told {
	body := fmt.Sprintf(`{"id":%d,"name":"#%d","updated_at":"2026-01-16T10:00:00Z","cancelled_at":"2026-01-16T10:00:00Z","line_items":[%s]}`, order, order, cartLine(order, course, learner))
	return told{path: "order/cancelled", status: 200, body: body}
}

func refunded(order int64) told {
	body := fmt.Sprintf(`{"id":%d,"order_id":%d,"created_at":"2026-01-16T10:00:00Z","refund_line_items":[{"line_item_id":%d,"quantity":1}]}`, order+1, order, order*10)
	return told{path: "refund/create", status: 200, body: body}
}

// tales are all ways that an order can go.
func tales() []tale {
	at := func(name string) string { return name + "@drill.example" }
	forged := created(2001, course, at("forged"))
	forged.secret, forged.status = "somebody-else", 403
	broken := told{path: "order/create", status: 400, body: `{"id":2002,"line_items":[`}
	twice := created(2003, course, at("twice"))
	again := twice
	again.path = "order/updated"
	return []tale{
		{2001, []told{forged}, []string{"Refused: shop", "signature", "nothing was changed", "1 webhook was refused"}},
		{2002, []told{broken}, []string{"Refused: shop", "nothing was changed"}},
		{2003, []told{twice, again}, []string{"twice@drill.example is enrolled", "nothing new", "1 learner is enrolled"}},
		{2004, []told{created(2004, "a-mug", at("mug"))}, []string{"Received and ignored", "a-mug", "no course"}},
		{2005, []told{created(2005, course, "")}, []string{"is parked", "address"}},
		{2006, []told{created(2006, course, "bad@-")}, []string{"bad@- is parked before " + course, "no e-mail address"}},
		{2007, []told{created(2007, "course-v1:Drill+Later+2026", at("early"))}, []string{"early@drill.example waits for course-v1:Drill+Later+2026", "no such course", "Next attempt"}},
		{2008, []told{created(2008, course, at("retired"))}, []string{"retired@drill.example is parked", "retired"}},
		{2009, []told{created(2009, course, at("cancels")), cancelled(2009, at("cancels"))}, []string{"cancels@drill.example is out of " + course, "cancelled", "1 enrolment is undone"}},
		{2010, []told{created(2010, course, at("refund")), refunded(2010)}, []string{"refund@drill.example is out of " + course, "refund", "1 enrolment is undone"}},
		{2011, []told{created(2011, course, at("unlucky"))}, []string{"unlucky@drill.example is parked", "500", "given up"}},
		{2012, []told{cancelled(2012, at("never"))}, []string{"Received and ignored", "cancelled", "nobody was enrolled"}},
		{2013, []told{created(2013, course, at("newcomer"))}, []string{"newcomer@drill.example may enter " + course + " once registered"}},
		{2014, []told{created(2014, "to-a-page", at("page"))}, []string{"page@drill.example is parked before a course not yet known", "redirect leads to no course"}},
	}
}

// TestWhatHappenedToAnOrderIsToldInTheTerminalAndInTheBrowser tells the story of an order for each way that it can go.
func TestWhatHappenedToAnOrderIsToldInTheTerminalAndInTheBrowser(t *testing.T) {
	t.Parallel()
	sim, lmsURL := lms(t)
	for _, name := range []string{"twice", "cancels", "refund", "retired", "unlucky"} {
		must(t, second(sim.AddUser(lmssim.User{Username: name, Email: name + "@drill.example", Active: true})))
	}
	must(t, sim.Retire("retired@drill.example"))
	must(t, sim.AddRedirect(lmssim.Redirect{Path: "/to-a-page", Target: lmsURL + "/about"}))
	must(t, second(sim.SetFault(lmssim.Fault{Kind: lmssim.FaultStatus, Endpoint: lmssim.EndpointBulk, Learner: "unlucky@drill.example"})))
	s := newSite(t, "", "", "")
	s.configure("", fmt.Sprintf("nats: { embedded: { addr: %q } }", s.nats),
		fmt.Sprintf("lms: { url: %s, client_id: edrelay, client_secret: secret-of-edrelay, retry: [100ms, 200ms], give_up_after: 2s, calls_per_minute: 6000 }", lmsURL))
	s.up()
	page := s.browser()
	for _, one := range tales() {
		for _, said := range one.said {
			if status := said.send(t, s.door, one.order); status != said.status {
				t.Errorf("order %d, %s: the door answers %d, not %d", one.order, said.path, status, said.status)
			}
		}
	}
	for _, one := range tales() {
		s.tells(page, one)
	}
	// Last, for it stops all calls: the LMS refuses edrelay.
	must(t, second(sim.SetFault(lmssim.Fault{Kind: lmssim.FaultStatus, Status: 403, Endpoint: lmssim.EndpointBulk})))
	refused := tale{2020, []told{created(2020, course, "late@drill.example")}, []string{"late@drill.example waits for " + course, "No call goes to the LMS: the client is paused", "global staff"}}
	refused.said[0].send(t, s.door, 2020)
	s.tells(page, refused)
	s.tells(page, tale{order: 4711, tells: []string{"Nothing is known of it"}})
}

// tells waits until terminal and browser both tell all that must be told.
func (s *site) tells(page *http.Client, one tale) {
	s.t.Helper()
	order := fmt.Sprint(one.order)
	for place, tell := range map[string]func() string{
		"edrelay find": func() string { out, _ := s.command("find", order); return out },
		"the page":     func() string { return s.text(page, "/search?q="+order) },
	} {
		var lacks, text string
		deadline := time.Now().Add(time.Minute)
		for lacks = "all"; lacks != "" && time.Now().Before(deadline); <-time.After(100 * time.Millisecond) {
			text, lacks = tell(), ""
			for _, part := range one.tells {
				if !strings.Contains(text, part) {
					lacks = part
					break
				}
			}
		}
		if lacks != "" {
			s.t.Errorf("%s does not tell of order %s: %q\n%s", place, order, lacks, text)
		}
	}
}

func (d told) send(t *testing.T, door string, order int64) int {
	t.Helper()
	secret := shopSecret
	if d.secret != "" {
		secret = d.secret
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(d.body))
	request, err := http.NewRequest(http.MethodPost, "http://"+door+"/webhooks/shopify/"+d.path, bytes.NewReader([]byte(d.body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Shopify-Shop-Domain", shopDomain)
	request.Header.Set("X-Shopify-Webhook-Id", fmt.Sprintf("%d-%s", order, d.path))
	request.Header.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return outcome(http.DefaultClient.Do(request))
}

// browser gives a client that is logged into the console.
func (s *site) browser() *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	page := &http.Client{Jar: jar}
	answer, err := page.PostForm("http://"+s.admin+"/login", url.Values{"token": {adminToken}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/" {
		s.t.Fatalf("log in: %d at %s", answer.StatusCode, answer.Request.URL)
	}
	return page
}

var tag = regexp.MustCompile(`<[^>]*>`)

// text gives what stands on a page.
func (s *site) text(page *http.Client, path string) string {
	s.t.Helper()
	answer, err := page.Get("http://" + s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d, %v", path, answer.StatusCode, err)
	}
	return html.UnescapeString(tag.ReplaceAllString(string(raw), " "))
}

func second[T any](_ T, err error) error { return err }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
