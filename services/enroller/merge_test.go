package enroller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

func courseNumber(i int) string { return fmt.Sprintf("course-v1:org+c%d+run", i) }

func drawLines(t *rapid.T, label string) []relay.Line {
	var lines []relay.Line
	for i := range rapid.IntRange(0, 3).Draw(t, label+" lines") {
		lines = append(lines, relay.Line{
			ID: fmt.Sprint(i), SKU: courseNumber(rapid.IntRange(0, 2).Draw(t, label+" course")),
			Learner:  fmt.Sprintf("l%d@x.example", rapid.IntRange(0, 2).Draw(t, label+" learner")),
			Quantity: rapid.IntRange(0, 2).Draw(t, label+" quantity"),
		})
	}
	return lines
}

// drawUpdates makes the history of one order: creates, payments, edits, cancellations and refunds.
func drawUpdates(t *rapid.T) []relay.Order {
	var list []relay.Order
	for i := range rapid.IntRange(1, 6).Draw(t, "updates") {
		label := fmt.Sprint("u", i)
		update := relay.Order{ID: "1", Version: time.Unix(int64(rapid.IntRange(0, 4).Draw(t, label+" version")), 0).UTC()}
		switch rapid.SampledFrom([]string{"none", "enroll", "enroll", "undo", "refund", "enroll with refunds"}).Draw(t, label) {
		case "none":
			update.Intent, update.Reason = relay.IntentNone, "unpaid"
		case "enroll":
			update.Intent, update.Lines = relay.IntentEnroll, drawLines(t, label)
		case "undo":
			update.Intent, update.Reason, update.Lines = relay.IntentUndo, "cancelled", drawLines(t, label)
		case "refund":
			update.Delta, update.Refunds = true, drawRefunds(t, label)
		case "enroll with refunds":
			update.Intent, update.Lines, update.Refunds = relay.IntentEnroll, drawLines(t, label), drawRefunds(t, label)
		}
		list = append(list, update)
	}
	return list
}

func drawRefunds(t *rapid.T, label string) []relay.Refund {
	refund := relay.Refund{ID: rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, label+" refund")}
	for i := range rapid.IntRange(0, 2).Draw(t, label+" refunded") {
		refund.Lines = append(refund.Lines, relay.RefundLine{LineID: fmt.Sprint(i), Quantity: rapid.IntRange(1, 2).Draw(t, label+" taken")})
	}
	return []relay.Refund{refund}
}

// should is the oracle: what a set of updates asks for, read from the set alone.
func should(updates []relay.Order) map[string]bool {
	var newest *relay.Order
	taken := map[string]map[string]int{} // refund → line → quantity
	for i := range updates {
		u := &updates[i]
		for _, r := range u.Refunds {
			sums := map[string]int{}
			for _, l := range r.Lines {
				sums[l.LineID] += l.Quantity
			}
			for id, n := range sums {
				if taken[r.ID] == nil {
					taken[r.ID] = map[string]int{}
				}
				taken[r.ID][id] = max(taken[r.ID][id], n)
			}
		}
		if u.Delta || u.Intent == relay.IntentNone {
			continue
		}
		if newest == nil || cmp.Or(u.Version.Compare(newest.Version), cmp.Compare(rankOf(*u), rankOf(*newest))) > 0 {
			newest = u
		}
	}
	in := map[string]bool{}
	if newest == nil || newest.Intent == relay.IntentUndo {
		return in
	}
	for _, line := range newest.Lines {
		sum := 0
		for _, lines := range taken {
			sum += lines[line.ID]
		}
		if line.Quantity > sum {
			in[line.Learner+" "+line.SKU] = true
		}
	}
	return in
}

// platform is an LMS that does what it is asked.
type platform map[string]bool

// work settles some rows of the order as calls to the LMS would, some of them with an unknown outcome.
func (p platform) work(t *rapid.T, policy Policy, rows []*relay.Work, all bool) {
	for _, row := range rows {
		for row.State == relay.EnrollmentWaiting && (all || rapid.Bool().Draw(t, "worked")) {
			key := row.Learner + " " + row.Course
			o := outcome{call: string(row.Action), verdict: lms.Verdict{Kind: lms.Answered}, group: 1, generation: row.Generation}
			trouble := ""
			if !all {
				trouble = rapid.SampledFrom([]string{"", "done, but not heard", "not done, not heard", "throttled"}).Draw(t, "trouble")
			}
			if trouble != "not done, not heard" && trouble != "throttled" {
				p[key] = row.Action == relay.ActionEnroll
			}
			switch {
			case trouble == "throttled":
				o.verdict.Kind = lms.Throttled
			case trouble != "":
				o.verdict.Kind = lms.Unknown
			case row.Action == relay.ActionEnroll:
				o.result = lms.Enrolled
			default:
				o.result = lms.Unenrolled
			}
			policy.settle(row, o, time.Now())
		}
	}
}

// Any interleaving, repetition and order of the messages of an order, with the LMS worked in between, ends as its newest
// state asks.
func TestUpdatesOfAnOrderConverge(t *testing.T) {
	t.Parallel()
	policy := Policy{EmailStudents: true}.withDefaults()
	rapid.Check(t, func(t *rapid.T) {
		updates := drawUpdates(t)
		stream := slices.Clone(updates)
		for i := range rapid.IntRange(0, 4).Draw(t, "repeats") {
			stream = append(stream, updates[rapid.IntRange(0, len(updates)-1).Draw(t, fmt.Sprint("repeat ", i))])
		}
		stream = rapid.Permutation(stream).Draw(t, "arrival")
		record, site := &relay.OrderRecord{}, platform{}
		s := &Service{Options: Options{Policy: policy}}
		for i, update := range stream {
			webhook := relay.Webhook{ID: fmt.Sprint("w", i)}
			s.update(record, &reading{order: update}, &webhook, nil, time.Now())
			if webhook.State == "" {
				t.Fatal("a webhook ends in no state")
			}
			site.work(t, policy, record.Rows, false)
		}
		site.work(t, policy, record.Rows, true)
		got := maps.Clone(site)
		maps.DeleteFunc(got, func(_ string, in bool) bool { return !in })
		if want := should(updates); !maps.Equal(got, platform(want)) {
			t.Fatalf("in the LMS: %v, asked for: %v", got, want)
		}
		for _, row := range record.Rows {
			in := row.State == relay.EnrollmentEnrolled
			if in != (row.Action == relay.ActionEnroll) || in != should(updates)[row.Learner+" "+row.Course] {
				t.Fatalf("row %+v", row)
			}
		}
		if n := Unplanned(&record.State, record.Rows, nil); n != 0 {
			t.Fatalf("the audit finds %d", n)
		}
	})
}

func TestWhatIsKnownOfAnOrderDoesNotDependOnArrival(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		updates := drawUpdates(t)
		states := [2]relay.OrderState{}
		for i := range states {
			for _, update := range rapid.Permutation(updates).Draw(t, "arrival") {
				merge(&states[i], update)
			}
		}
		if a, b := fmt.Sprintf("%+v", states[0]), fmt.Sprintf("%+v", states[1]); a != b {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}
