package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

// TestNothingAcceptedIsLostOrDoubled runs orders through an edrelay that is killed, with its Postgres, while the LMS
// throttles, breaks connections after doing the work, and answers 500 or half a body. EDRELAY_CRASH_SEED repeats a run.
func TestNothingAcceptedIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	survive(t, run{long: 8 * time.Second, calm: 3 * time.Second, pace: 10 * time.Millisecond})
}

func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("EDRELAY_CRASH_SEED")
	if text == "" {
		return rand.Uint64()
	}
	given, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("EDRELAY_CRASH_SEED: %v", err)
	}
	return given
}

// run says how a run goes.
type run struct {
	long time.Duration // orders are sent for so long
	calm time.Duration // between two kills, more or less
	pace time.Duration // between two orders of one of four sellers
}

// survive sends orders, killing something after each calm, then compares.
func survive(t *testing.T, r run) {
	chance := seed(t)
	t.Logf("seed %d: EDRELAY_CRASH_SEED=%d repeats the run", chance, chance)
	random := rand.New(rand.NewPCG(chance, 2))
	learners, courses := []string{}, []string{}
	sim := lmssim.New(lmssim.Options{Settings: lmssim.Settings{ThrottleOff: true}, KeepMails: 1_000_000})
	must(t, second(sim.AddUser(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true})))
	must(t, sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}))
	for i := range 6 {
		courses = append(courses, fmt.Sprintf("course-v1:crash+c%d+run", i))
		must(t, sim.AddCourse(lmssim.Course{Key: courses[i]}))
	}
	for i := range 400 {
		email := fmt.Sprintf("l%d@learner.example", i)
		learners = append(learners, email)
		if i%3 > 0 { // the others have no account yet
			must(t, second(sim.AddUser(lmssim.User{Username: username(email), Email: email, Active: true})))
		}
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.ClearFaults(); server.CloseClientConnections(); server.Close() })
	relay := newEdrelay(t, server.URL)
	relay.start()
	trade := newShop(chance, learners, courses)
	var group sync.WaitGroup
	defer group.Wait()
	ctx, closing := context.WithTimeout(t.Context(), r.long)
	defer closing()
	for range 4 {
		group.Go(func() { sell(ctx, t, trade, relay.door, r.pace) })
	}
	for ctx.Err() == nil {
		trouble(t, random, sim)
		pause(ctx, r.calm/2+time.Duration(random.Int64N(int64(r.calm))))
		if ctx.Err() != nil {
			break
		}
		if random.IntN(2) == 0 {
			t.Log("kill Postgres")
			relay.killPostgres()
			pause(ctx, time.Second)
			if random.IntN(2) == 0 {
				continue
			}
		}
		t.Log("kill edrelay")
		relay.end(syscall.SIGKILL)
		relay.start()
	}
	group.Wait()
	sim.ClearFaults()
	settle(t, relay)
	compare(t, sim, trade)
	if out, err := relay.run("audit", "--lms"); err != nil {
		t.Errorf("the audit: %v\n%s", err, out)
	}
}

// sell tells edrelay of orders until ctx is done; an order that was begun is told to its end.
func sell(ctx context.Context, t *testing.T, trade *shop, door string, pace time.Duration) {
	for ctx.Err() == nil {
		for _, d := range trade.order() {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
			if err := trade.tell(end, door, d); err != nil {
				t.Error(err)
			}
			cancel()
		}
		pause(ctx, pace)
	}
}

// trouble changes what goes wrong at the LMS.
func trouble(t *testing.T, random *rand.Rand, sim *lmssim.Server) {
	sim.ClearFaults()
	for i, f := range []lmssim.Fault{
		{Kind: lmssim.FaultReset, AfterWork: true}, {Kind: lmssim.FaultStatus}, {Kind: lmssim.FaultStatus, AfterWork: true},
		{Kind: lmssim.FaultCutJSON, AfterWork: true}, {Kind: lmssim.FaultThrottled, RetryAfter: "1"}, {Kind: lmssim.FaultTruncate, AfterWork: true},
		{Kind: lmssim.FaultLatency, Delay: lmssim.Duration(300 * time.Millisecond)}, {Kind: lmssim.FaultHTML, AfterWork: true},
	} {
		if random.IntN(2) == 0 {
			continue
		}
		f.ID, f.Every = fmt.Sprint("f", i), 3+random.IntN(8)
		if random.IntN(4) > 0 {
			f.Endpoint = lmssim.EndpointBulk
		}
		must(t, second(sim.SetFault(f)))
	}
}

// settle waits until all that is on the log is in the ledger and no enrolment waits.
func settle(t *testing.T, relay *edrelay) {
	t.Helper()
	var found struct{ Underway, Waiting int }
	var err error
	done := within(5*time.Minute, func() bool {
		err = relay.json(&found, "audit")
		return err == nil && found.Underway == 0 && found.Waiting == 0
	})
	if !done {
		t.Fatalf("never settled: %+v, %v", found, err)
	}
}

// compare holds the LMS against what the orders ask for.
func compare(t *testing.T, sim *lmssim.Server, trade *shop) {
	t.Helper()
	state := sim.State()
	emails := map[string]string{}
	for _, u := range state.Users {
		emails[u.Username] = u.Email
	}
	in := map[place]bool{}
	for _, e := range state.Enrollments {
		if e.Active {
			in[place{emails[e.User], e.Course}] = true
		}
	}
	for _, a := range state.Allowances {
		in[place{a.Email, a.Course}] = true
	}
	for at := range in {
		if trade.final[at] == 0 {
			t.Errorf("%v is in the LMS, and no order asks for it", at)
		}
	}
	for at := range trade.final {
		if !in[at] {
			t.Errorf("%v is asked for and not in the LMS", at)
		}
	}
	mails := map[place]int{}
	for _, m := range sim.Mails() {
		mails[place{m.To, m.Course}]++
	}
	for at, n := range mails {
		if n > trade.lines[at] {
			t.Errorf("%v: %d mails for %d order lines", at, n, trade.lines[at])
		}
	}
	t.Logf("%d orders, %d places, %d mails, %d LMS requests", trade.next, len(in), len(sim.Mails()), len(sim.Requests(lmssim.EndpointBulk)))
}

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
