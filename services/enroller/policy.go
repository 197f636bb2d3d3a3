package enroller

import "time"

// Policy is how the LMS is called; the zero value of a field is its default.
type Policy struct {
	CallsPerMinute int             // 110
	BatchSize      int             // learners at most in one call: 100
	AutoEnroll     bool            // an allowance becomes an enrolment with the account
	EmailStudents  bool            // the LMS writes to a learner with the first success of an order line
	Retry          []time.Duration // waits after failures, the last repeating: 1s … 5m
	GiveUpAfter    time.Duration   // failures of one row are parked after that: 72h
	CourseWait     time.Duration   // an unknown course is asked for so long: 24h
	Probe          time.Duration   // between probes of an LMS that refuses edrelay: 30s
	SKUFresh       time.Duration   // how long the answer about a SKU, and about a course, is believed: 10m
	Lease          time.Duration   // a row in flight is taken back so long after its process died: 10s
	Poll           time.Duration   // between looks for due rows: 250ms
	Linger         time.Duration   // due rows wait for company so long while few calls are spent: 200ms
}

func (p Policy) withDefaults() Policy {
	set := func(d *time.Duration, fallback time.Duration) {
		if *d <= 0 {
			*d = fallback
		}
	}
	if p.CallsPerMinute <= 0 {
		p.CallsPerMinute = 110
	}
	if p.BatchSize <= 0 {
		p.BatchSize = 100
	}
	if len(p.Retry) == 0 {
		p.Retry = []time.Duration{
			time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 30 * time.Second,
			time.Minute, 2 * time.Minute, 5 * time.Minute,
		}
	}
	set(&p.GiveUpAfter, 72*time.Hour)
	set(&p.CourseWait, 24*time.Hour)
	set(&p.Probe, 30*time.Second)
	set(&p.SKUFresh, 10*time.Minute)
	set(&p.Lease, 10*time.Second)
	set(&p.Poll, 250*time.Millisecond)
	set(&p.Linger, 200*time.Millisecond)
	return p
}

// delay is the wait after so many failures in a row, the first being 1.
func (p Policy) delay(fails int) time.Duration {
	return p.Retry[min(max(fails, 1), len(p.Retry))-1]
}

// reserve is how many calls of a minute are kept for senders that wait.
func (p Policy) reserve() int { return min(5, p.CallsPerMinute/10) }

// linger is how long rows wait for company before they are sent in a call that isn't full: the more of the minute's
// calls are spent, the longer. Rows that failed before wait longer still, for each is likely to cost a call of its own.
func (p Policy) linger(spent int, retry bool) time.Duration {
	used := float64(spent) / float64(p.CallsPerMinute)
	factor := 25
	switch {
	case used < 0.25:
		return p.Linger
	case used < 0.5:
		factor = 5
	case used < 0.75:
		factor = 12
	}
	if retry {
		factor *= 6
	}
	return time.Duration(factor) * p.Linger
}
