package enroller_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/lmssim"
)

// The budget of the design: 10,000 learners in 10 courses under the platform's own throttle of 120 calls a minute, with
// one learner in each course on whom the platform fails: at most 120 calls and 75 s.
func BenchmarkEnrollerBudget(b *testing.B) {
	for b.Loop() {
		run := newBudget(b, 10, 1000)
		took := run.measure()
		calls := run.report(took)
		b.ReportMetric(float64(calls), "calls")
		b.ReportMetric(took.Seconds(), "s")
		if calls > 120 || took > 75*time.Second {
			b.Errorf("over the budget of 120 calls and 75 s")
		}
	}
}

func TestManyLearnersTakeFewCalls(t *testing.T) {
	t.Parallel()
	run := newBudget(t, 5, 200)
	if calls := run.report(run.measure()); calls > 40 {
		t.Errorf("%d calls for 5 courses of 200 learners", calls)
	}
}

type budget struct {
	*bench
	tb               testing.TB
	courses, perEach int
}

func newBudget(tb testing.TB, courses, perEach int) *budget {
	b := &budget{bench: newBench(tb, lmssim.Settings{}), tb: tb, courses: courses, perEach: perEach}
	b.policy = enroller.Policy{AutoEnroll: true, EmailStudents: true}
	for c := range courses {
		b.site.must(b.site.AddCourse(lmssim.Course{Key: b.course(c)}))
		for l := range perEach {
			b.site.user(lmssim.User{Username: fmt.Sprintf("u%d_%d", c, l), Email: b.email(c, l), Active: true})
		}
		b.site.fault(lmssim.Fault{Kind: lmssim.FaultLearner, Endpoint: lmssim.EndpointBulk, Learner: b.email(c, perEach/2)})
	}
	return b
}

func (b *budget) course(c int) string   { return fmt.Sprintf("course-v1:org+c%d+run", c) }
func (b *budget) email(c, l int) string { return fmt.Sprintf("u%d_%d@x.example", c, l) }

// measure feeds one order for each learner, while the enroller runs, and waits until all but the poisoned are in.
func (b *budget) measure() time.Duration {
	b.start()
	begun := time.Now()
	for l := range b.perEach {
		for c := range b.courses {
			b.feed.put("shop", order(fmt.Sprintf("%d-%d", c, l), 1, line("1", b.course(c), b.email(c, l))))
		}
	}
	want := b.courses * (b.perEach - 1)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(3 * time.Minute); ; <-look.C {
		counts, err := b.ledger.CountEnrollments(b.tb.Context())
		if err == nil && counts[relay.EnrollmentEnrolled] == want {
			return time.Since(begun)
		}
		if time.Now().After(deadline) {
			b.tb.Fatalf("not done: %v", counts)
		}
	}
}

func (b *budget) report(took time.Duration) int {
	calls, throttled, sizes := 0, 0, map[int]int{}
	for _, r := range b.site.Requests(lmssim.EndpointBulk) {
		calls++
		sizes[(1+strings.Count(string(r.Body), "%2C"))/20*20]++
		if r.Status == 429 {
			throttled++
		}
	}
	fmt.Fprintf(os.Stderr, "enroller: %d learners in %d courses: %d calls (%d throttled), %.1f s; by learners: %v\n", b.courses*b.perEach, b.courses, calls, throttled, took.Seconds(), sizes)
	return calls
}
