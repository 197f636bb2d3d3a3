package lmssim_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

// enrolled tells whether the bulk call of the fault tests has been done.
func (p *platform) enrolled() bool { return len(p.State().Allowances) > 0 }

func TestFaultsAnswerInPlaceOfThePlatform(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  lmssim.Fault
		status int
		html   bool
		after  string
	}{
		"500":             {lmssim.Fault{Kind: lmssim.FaultStatus}, 500, true, ""},
		"502":             {lmssim.Fault{Kind: lmssim.FaultStatus, Status: 502}, 502, true, ""},
		"503, wait":       {lmssim.Fault{Kind: lmssim.FaultStatus, Status: 503, RetryAfter: "9"}, 503, true, "9"},
		"429, seconds":    {lmssim.Fault{Kind: lmssim.FaultThrottled, RetryAfter: "37"}, 429, false, "37"},
		"429, date":       {lmssim.Fault{Kind: lmssim.FaultThrottled, RetryAfter: "date+37s"}, 429, false, "Sun, 01 Mar 2026 12:00:37 GMT"},
		"429, silent":     {lmssim.Fault{Kind: lmssim.FaultThrottled}, 429, false, ""},
		"200 with a page": {lmssim.Fault{Kind: lmssim.FaultHTML}, 200, true, ""},
	} {
		for _, afterWork := range []bool{false, true} {
			p := newPlatform(t, lmssim.Settings{})
			c.fault.AfterWork = afterWork
			p.fault(c.fault)
			a := p.bulk("a@x.example")
			if a.status != c.status || isHTML(a) != c.html || a.header.Get("Retry-After") != c.after || p.enrolled() != afterWork {
				t.Errorf("%s after %v: %d %v, done %v", name, afterWork, a.status, a.header, p.enrolled())
			}
		}
	}
}

func TestFaultResetsTheConnectionBeforeOrAfterTheWork(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		p := newPlatform(t, lmssim.Settings{})
		p.fault(lmssim.Fault{Kind: lmssim.FaultReset, AfterWork: after, Endpoint: lmssim.EndpointBulk})
		_, err := p.try("POST", bulkPath, "application/json", []byte(bulkJSON("a@x.example")), "Authorization", p.auth)
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("after %v: %v", after, err)
		}
		if p.enrolled() != after {
			t.Errorf("after %v: done %v", after, p.enrolled())
		}
		if r := p.Requests(lmssim.EndpointBulk); len(r) == 0 || r[0].Status != 0 {
			t.Errorf("%+v", r)
		}
	}
}

func bulkJSON(identifiers string) string {
	return `{"action":"enroll","auto_enroll":true,"courses":"` + course + `","identifiers":"` + identifiers + `"}`
}

func TestFaultHangsUntilTheClientLeavesOrTheFaultEnds(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.fault(lmssim.Fault{ID: "h", Kind: lmssim.FaultHang, Endpoint: lmssim.EndpointBulk})
	impatient := &http.Client{Timeout: 50 * time.Millisecond}
	req, _ := http.NewRequest("POST", p.url+bulkPath, strings.NewReader(bulkJSON("a@x.example")))
	if _, err := impatient.Do(req); !isTimeout(err) {
		t.Errorf("%v", err)
	}
	failed := make(chan error)
	go func() {
		_, err := p.try("POST", bulkPath, "application/json", []byte(bulkJSON("a@x.example")), "Authorization", p.auth)
		failed <- err
	}()
	waitFor(t, func() bool { return len(p.Requests(lmssim.EndpointBulk)) == 2 })
	p.must(p.RemoveFault("h"))
	if err := <-failed; err == nil {
		t.Error("a hanging call was answered")
	}
	if p.enrolled() {
		t.Error("a hanging call was worked")
	}
	if a := p.bulk("a@x.example"); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func TestFaultSpoilsTheBody(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	whole := p.bulk("a@x.example")
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultCutJSON})
	if a := p.bulk("b@x.example"); a.status != 200 || len(a.body) != len(whole.body)/2 || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %q", a.status, a.body)
	}
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultTruncate})
	_, err := p.try("POST", bulkPath, "application/json", []byte(bulkJSON("a@x.example")), "Authorization", p.auth)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("truncate: %v", err)
	}
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultDrip, Delay: lmssim.Duration(50 * time.Millisecond)})
	begin := time.Now()
	if a := p.bulk("c@x.example"); a.status != 200 || len(a.body) != len(whole.body) || time.Since(begin) < 50*time.Millisecond {
		t.Errorf("drip: %d, %d bytes, %v", a.status, len(a.body), time.Since(begin))
	}
	if n := len(p.State().Allowances); n != 3 {
		t.Errorf("%d allowances", n)
	}
}

func TestFaultEndsKeptAliveConnections(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultClose})
	if a := p.bulk("a@x.example"); a.status != 200 || !a.closed {
		t.Errorf("close: %d %v", a.status, a.header)
	}
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultDrop})
	a := p.bulk("a@x.example")
	if a.status != 200 || a.closed || a.json(t)["action"] != "enroll" {
		t.Errorf("drop: %d %v", a.status, a.header)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	p.must(err)
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /login HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("the connection was to end: %v %q", err, answer)
	}
}

func TestFaultDelays(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.fault(lmssim.Fault{Kind: lmssim.FaultLatency, Delay: lmssim.Duration(40 * time.Millisecond)})
	begin := time.Now()
	if a := p.bulk("a@x.example"); a.status != 200 || time.Since(begin) < 40*time.Millisecond {
		t.Errorf("%d after %v", a.status, time.Since(begin))
	}
}

func TestFaultHitsTheCallsThatItIsSetFor(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	other := "course-v1:org+other+run1"
	p.must(p.AddCourse(lmssim.Course{Key: other}))
	for name, c := range map[string]struct {
		fault lmssim.Fault
		want  string // status of calls for (a, course), (b, course), (a, other), (c of a list, course), GET account, 3 × (z, course)
	}{
		"all":      {lmssim.Fault{}, "500 500 500 500 500 500 500 500"},
		"endpoint": {lmssim.Fault{Endpoint: lmssim.EndpointAccounts}, "200 200 200 200 500 200 200 200"},
		"method":   {lmssim.Fault{Method: "GET"}, "200 200 200 200 500 200 200 200"},
		"course":   {lmssim.Fault{Course: other}, "200 200 500 200 200 200 200 200"},
		"learner":  {lmssim.Fault{Learner: "A@x.example"}, "500 200 500 500 500 200 200 200"},
		"both":     {lmssim.Fault{Learner: "a@x.example", Course: other}, "200 200 500 200 200 200 200 200"},
		"third":    {lmssim.Fault{Skip: 2, Times: 1}, "200 200 500 200 200 200 200 200"},
		"every 3":  {lmssim.Fault{Every: 3}, "500 200 200 500 200 200 500 200"},
		"twice":    {lmssim.Fault{Endpoint: lmssim.EndpointBulk, Skip: 1, Every: 2, Times: 2}, "200 500 200 500 200 200 200 200"},
	} {
		c.fault.Kind, c.fault.ID = lmssim.FaultStatus, "f"
		p.fault(c.fault)
		calls := []answer{
			p.bulk("a@x.example"), p.bulk("b@x.example"), p.bulk("a@x.example", "courses", other),
			p.bulk("b@x.example c@x.example,a@x.example"), p.staff("GET", "/api/user/v1/accounts?email=a%40x.example", ""),
			p.bulk("z@x.example"), p.bulk("z@x.example"), p.bulk("z@x.example"),
		}
		var got []string
		for _, a := range calls {
			if a.status == 500 {
				got = append(got, "500")
			} else {
				got = append(got, "200")
			}
		}
		if joined := strings.Join(got, " "); joined != c.want {
			t.Errorf("%s: %s, want %s", name, joined, c.want)
		}
	}
}

func TestFaultOfOneLearnerLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{Profile: lmssim.Next})
	for _, name := range []string{"veto", "mail", "good"} {
		p.learner(name + "@x.example")
	}
	p.fault(lmssim.Fault{Kind: lmssim.FaultLearner, Learner: "veto@x.example"})
	p.fault(lmssim.Fault{Kind: lmssim.FaultMail, Learner: "MAIL@x.example", Times: 1})
	a := p.bulk("veto@x.example,mail,good@x.example", "email_students", "true")
	for i, want := range []string{"error", "error", "TFFF>TTFF"} {
		if got := flags(a.result(t, i)); got != want {
			t.Errorf("%d: %s", i, got)
		}
	}
	var in []string
	for _, e := range p.State().Enrollments {
		in = append(in, e.User)
	}
	if strings.Join(in, " ") != "mail good" || len(p.Mails()) != 1 {
		t.Errorf("enrolled %v, %d mails", in, len(p.Mails()))
	}
	if r := a.result(t, 0); r["success"] != false || r["error_type"] != "general_error" {
		t.Errorf("%v", r)
	}
	if got := flags(p.bulk("mail@x.example", "email_students", "true").result(t, 0)); got != "TTFF>TTFF" {
		t.Errorf("repeat: %s", got)
	}
}

func TestFaultsOfTokens(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultTokenLife, Delay: lmssim.Duration(5 * time.Second)})
	for _, kind := range []string{"", "jwt"} {
		p.auth = map[string]string{"": "Bearer ", "jwt": "JWT "}[kind] + p.token(kind)
		if a := p.bulk("a@x.example"); a.status != 200 {
			t.Errorf("%q fresh: %d", kind, a.status)
		}
		p.clock.Move(7 * time.Second)
		if a := p.bulk("a@x.example"); a.status != 401 {
			t.Errorf("%q late: %d", kind, a.status)
		}
	}
	p.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultStatus, Status: 503, Endpoint: lmssim.EndpointToken})
	if a := p.form(tokenPath, tokenForm("")); a.status != 503 {
		t.Errorf("down: %d", a.status)
	}
	if a := p.bulk("a@x.example"); a.status != 401 {
		t.Errorf("the rest is up: %d", a.status)
	}
}

func TestClockSkewMovesThePlatformsClock(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	jwt := "JWT " + p.token("jwt")
	p.must(p.Configure(lmssim.Settings{ClockSkew: lmssim.Duration(2 * time.Hour)}))
	p.auth = jwt
	a := p.bulk("a@x.example")
	if a.status != 401 || a.header.Get("Date") != "Sun, 01 Mar 2026 14:00:00 GMT" {
		t.Errorf("%d %s", a.status, a.header.Get("Date"))
	}
	_, claims := readJWT(t, p.token("jwt"))
	if claims["iat"].(float64) != float64(p.clock.Now().Add(2*time.Hour).Unix()) {
		t.Errorf("%v", claims["iat"])
	}
}

func TestFaultsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	for _, f := range []lmssim.Fault{
		{}, {Kind: "magic"}, {Kind: lmssim.FaultStatus, Status: 42}, {Kind: lmssim.FaultLatency, Skip: -1},
		{Kind: lmssim.FaultThrottled, RetryAfter: "date+soon"},
	} {
		if _, err := p.SetFault(f); err == nil {
			t.Errorf("%+v was taken", f)
		}
	}
}
