package enroller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/lmssim"
)

// The LMS did the work, or not, and didn't say: nobody is enrolled or mailed twice.
func TestAnUnknownOutcomeIsLookedUpBeforeTheNextTry(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]lmssim.Fault{
		"reset after the work":  {Kind: lmssim.FaultReset, AfterWork: true},
		"reset before the work": {Kind: lmssim.FaultReset},
		"500 after the work":    {Kind: lmssim.FaultStatus, AfterWork: true},
		"500 before the work":   {Kind: lmssim.FaultStatus},
		"half a body":           {Kind: lmssim.FaultCutJSON, AfterWork: true},
		"a page of HTML":        {Kind: lmssim.FaultHTML, AfterWork: true},
		"a connection cut":      {Kind: lmssim.FaultTruncate, AfterWork: true},
		"no answer":             {Kind: lmssim.FaultHang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, lmssim.Settings{ThrottleOff: true})
			b.site.learner("a@x.example")
			fault.Endpoint, fault.Times = lmssim.EndpointBulk, 1
			b.site.fault(fault)
			b.start()
			b.feed.put("shop", order("1", 1, line("1", course, "a@x.example"), line("2", course, "new@x.example")))
			b.settled(relay.EnrollmentEnrolled, 1)
			b.settled(relay.EnrollmentAllowed, 1)
			for _, learner := range []string{"a@x.example", "new@x.example"} {
				if n := b.site.mails(learner); n > 1 {
					t.Errorf("%d mails", n)
				}
			}
			if looks := len(b.site.Requests(lmssim.EndpointAccounts)); looks == 0 {
				t.Error("the LMS was not asked what is true")
			}
			for i, r := range b.site.Requests(lmssim.EndpointBulk) {
				if i > 0 && strings.Contains(string(r.Body), "email_students=True") {
					t.Error("the mail was asked for again")
				}
			}
		})
	}
}

func TestDefiniteRefusalsLeaveTheMailDue(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]lmssim.Fault{
		"throttled":          {Kind: lmssim.FaultThrottled, RetryAfter: "1"},
		"throttled by date":  {Kind: lmssim.FaultThrottled, RetryAfter: "date+1s"},
		"token early at end": {Kind: lmssim.FaultStatus, Status: 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, lmssim.Settings{ThrottleOff: true})
			b.site.learner("a@x.example")
			fault.Endpoint, fault.Times = lmssim.EndpointBulk, 1
			b.site.fault(fault)
			b.start()
			b.feed.put("shop", order("1", 1, line("1", course, "a@x.example")))
			rows := b.settled(relay.EnrollmentEnrolled, 1)
			if b.site.mails("a@x.example") != 1 || !rows[0].Mailed {
				t.Errorf("%d mails, %+v", b.site.mails("a@x.example"), rows[0])
			}
		})
	}
}

func TestWhatIsWrongForGoodIsParkedAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner("a@x.example")
	b.site.user(lmssim.User{Username: "gone", Email: "gone@x.example", Active: true})
	b.site.must(b.site.Retire("gone@x.example"))
	b.start()
	b.feed.put("shop", order("1", 1, line("1", course, "a@x.example"), line("2", course, "gone@x.example"), line("3", course, "bad@-")))
	b.settled(relay.EnrollmentEnrolled, 1)
	for _, row := range b.settled(relay.EnrollmentParked, 2) {
		if row.Reason == "" || row.NextAttemptAt != nil {
			t.Errorf("%+v", row)
		}
	}
	b.until("failures are events", func() bool { return b.events.count(relay.EventEnrollmentFailed) == 2 })
}

// A learner on whom every call breaks stands alone in the end; the others are in long before.
func TestAPoisonedGroupIsHalved(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]lmssim.Fault{
		"whole calls fail": {Kind: lmssim.FaultStatus},
		"malformed":        {Kind: lmssim.FaultStatus, Status: 400},
		"only the learner": {Kind: lmssim.FaultLearner},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, lmssim.Settings{ThrottleOff: true})
			b.policy.GiveUpAfter = 3 * time.Second
			fault.Endpoint, fault.Learner = lmssim.EndpointBulk, "poison@x.example"
			b.site.fault(fault)
			lines := []relay.Line{line("0", course, "poison@x.example")}
			for i := 1; i < 16; i++ {
				lines = append(lines, line(fmt.Sprint(i), course, b.site.learner(fmt.Sprintf("l%d@x.example", i))))
			}
			b.start()
			b.feed.put("shop", order("1", 1, lines...))
			b.settled(relay.EnrollmentEnrolled, 15)
			if parked := b.settled(relay.EnrollmentParked, 1); parked[0].Learner != "poison@x.example" {
				t.Errorf("%+v", parked)
			}
			for i := 1; i < 16; i++ {
				if n := b.site.mails(fmt.Sprintf("l%d@x.example", i)); n > 1 {
					t.Errorf("l%d: %d mails", i, n)
				}
			}
		})
	}
}

func TestACourseMayAppearLater(t *testing.T) {
	t.Parallel()
	for _, profile := range []lmssim.Profile{lmssim.Teak, lmssim.Ulmo} {
		for _, mail := range []bool{true, false} {
			t.Run(fmt.Sprint(profile, mail), func(t *testing.T) {
				t.Parallel()
				const later, never = "course-v1:org+later+run1", "course-v1:org+never+run1"
				b := newBench(t, lmssim.Settings{ThrottleOff: true, Profile: profile})
				b.policy.EmailStudents, b.policy.CourseWait = mail, 2*time.Second
				b.site.learner("a@x.example")
				b.start()
				b.feed.put("shop", order("1", 1, line("1", later, "a@x.example"), line("2", never, "a@x.example"), line("3", course, "a@x.example")))
				b.settled(relay.EnrollmentEnrolled, 1)
				for _, row := range b.settled(relay.EnrollmentWaiting, 2) {
					b.until("it says why it waits", func() bool {
						now, err := b.ledger.Enrollment(t.Context(), row.ID)
						return err == nil && strings.Contains(now.Reason, "no such course")
					})
				}
				b.site.must(b.site.AddCourse(lmssim.Course{Key: later}))
				b.settled(relay.EnrollmentEnrolled, 2)
				b.settled(relay.EnrollmentParked, 1)
			})
		}
	}
}

func TestAMisconfiguredLMSPausesTheClientAndBurnsNoRetries(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		spoil, mend func(*site)
		hint        string
	}{
		"view disabled": {
			func(s *site) { s.must(s.Configure(lmssim.Settings{ThrottleOff: true, BulkDisabled: true})) },
			func(s *site) { s.must(s.Configure(lmssim.Settings{ThrottleOff: true})) },
			"ENABLE_BULK_ENROLLMENT_VIEW",
		},
		"not staff": {
			func(s *site) {
				s.fault(lmssim.Fault{ID: "f", Kind: lmssim.FaultStatus, Status: 403, Endpoint: lmssim.EndpointBulk})
			},
			func(s *site) { s.ClearFaults() },
			"staff",
		},
		"secret wrong": {
			func(s *site) { s.must(s.AddClient(lmssim.Client{ID: "edrelay", Secret: "other", Owner: "worker"})) },
			func(s *site) { s.must(s.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"})) },
			"OAuth",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, lmssim.Settings{ThrottleOff: true})
			b.site.learner("a@x.example")
			one.spoil(b.site)
			b.start()
			b.feed.put("shop", order("1", 1, line("1", course, "a@x.example")))
			b.until("the client is paused", func() bool { return b.service.Status().State == "paused" })
			if s := b.service.Status(); !strings.Contains(s.Hint, one.hint) || s.Reason == "" {
				t.Errorf("%+v", s)
			}
			text := `# HELP edrelay_enroller_lms_condition 1 for the condition of the LMS: ready, down, paused or absent.
# TYPE edrelay_enroller_lms_condition gauge
edrelay_enroller_lms_condition{condition="absent"} 0
edrelay_enroller_lms_condition{condition="down"} 0
edrelay_enroller_lms_condition{condition="paused"} 1
edrelay_enroller_lms_condition{condition="ready"} 0
`
			if err := testutil.GatherAndCompare(b.metrics, strings.NewReader(text), "edrelay_enroller_lms_condition"); err != nil {
				t.Error(err)
			}
			b.until("the ledger knows", func() bool {
				status, err := b.ledger.EnrollerStatus(t.Context())
				return err == nil && len(status) == 1 && status[0].State == "paused"
			})
			row := b.rows(relay.EnrollmentWaiting)[0]
			b.until("it probed twice", func() bool {
				return len(b.site.Requests(lmssim.EndpointBulk)) > 3 || len(b.site.Requests(lmssim.EndpointToken)) > 3
			})
			if now := b.rows(relay.EnrollmentWaiting)[0]; now.Attempts != row.Attempts {
				t.Errorf("retries burnt: %+v", now)
			}
			if n := strings.Count(b.log.String(), "level=ERROR"); n != 1 {
				t.Errorf("%d alarms", n)
			}
			one.mend(b.site)
			rows := b.settled(relay.EnrollmentEnrolled, 1)
			if b.site.mails("a@x.example") != 1 || rows[0].Attempts != 1 {
				t.Errorf("%d mails, %+v", b.site.mails("a@x.example"), rows[0])
			}
		})
	}
}

func TestAnOutageOpensTheCircuitAndSparesTheMails(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.policy.BatchSize = 2
	b.site.fault(lmssim.Fault{Kind: lmssim.FaultStatus, Status: 503})
	var lines []relay.Line
	for i := range 40 {
		lines = append(lines, line(fmt.Sprint(i), course, b.site.learner(fmt.Sprintf("l%d@x.example", i))))
	}
	b.start()
	b.feed.put("shop", order("1", 1, lines...))
	b.until("the circuit is open", func() bool { return b.service.Status().State == "down" })
	b.site.ClearFaults()
	b.settled(relay.EnrollmentEnrolled, 40)
	mailed := 0
	for i := range 40 {
		mailed += b.site.mails(fmt.Sprintf("l%d@x.example", i))
	}
	if mailed < 20 {
		t.Errorf("%d of 40 were mailed", mailed)
	}
}

func TestACallThatIsTooLargeIsMadeSmaller(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.fault(lmssim.Fault{Kind: lmssim.FaultStatus, Status: 413, Endpoint: lmssim.EndpointBulk, Times: 1})
	var lines []relay.Line
	for i := range 10 {
		lines = append(lines, line(fmt.Sprint(i), course, b.site.learner(fmt.Sprintf("l%d@x.example", i))))
	}
	b.start()
	b.feed.put("shop", order("1", 1, lines...))
	b.settled(relay.EnrollmentEnrolled, 10)
	if n := b.site.bulkCalls(); n != 3 {
		t.Errorf("%d calls", n)
	}
}

// What a killed process had in flight is unsure to the next one.
func TestAKilledProcessLeavesNothingDoubled(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.policy.Lease = 200 * time.Millisecond
	b.site.learner("a@x.example")
	b.feed.put("shop", order("1", 1, line("1", course, "a@x.example")))
	now := time.Now()
	stop := b.start()
	b.settled(relay.EnrollmentEnrolled, 1)
	stop()
	// As a process that died between the call and its record would leave it.
	err := b.ledger.ChangeEnrollments(t.Context(), []int64{1}, func(rows []*relay.Work) error {
		rows[0].State, rows[0].NextAttemptAt, rows[0].MailDue, rows[0].Mailed = relay.EnrollmentWaiting, &now, true, false
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := b.ledger.DueGroups(t.Context(), time.Now(), 10)
	if err != nil || len(groups) != 1 {
		t.Fatalf("%v, %v", groups, err)
	}
	if _, err := b.ledger.Claim(t.Context(), "dead", groups[0], time.Now(), time.Now().Add(300*time.Millisecond), 10); err != nil {
		t.Fatal(err)
	}
	b.start()
	rows := b.settled(relay.EnrollmentEnrolled, 1)
	if b.site.mails("a@x.example") != 1 || b.site.bulkCalls() != 1 || !rows[0].Mailed {
		t.Errorf("%d mails, %d calls, %+v", b.site.mails("a@x.example"), b.site.bulkCalls(), rows[0])
	}
}

// Two processes on one ledger, with an LMS in trouble: nobody is enrolled or mailed by both.
func TestProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.policy.BatchSize = 5
	b.site.fault(lmssim.Fault{Kind: lmssim.FaultReset, AfterWork: true, Endpoint: lmssim.EndpointBulk, Every: 4})
	b.start()
	b.start()
	for i := range 60 {
		b.feed.put("shop", order(fmt.Sprint(i), 1, line("1", course, b.site.learner(fmt.Sprintf("l%d@x.example", i)))))
	}
	b.settled(relay.EnrollmentEnrolled, 60)
	for i := range 60 {
		if n := b.site.mails(fmt.Sprintf("l%d@x.example", i)); n > 1 {
			t.Errorf("l%d: %d mails", i, n)
		}
	}
	b.until("every success is told once", func() bool { return b.events.count(relay.EventEnrollmentSucceeded) == 60 })
}
