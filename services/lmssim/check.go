package lmssim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// Seat is one learner in one course, as a test expects it.
type Seat struct {
	Learner string `json:"learner"` // e-mail address
	Course  string `json:"course"`
}

// Expectation is what a run should have come to; what is left out is not looked at.
type Expectation struct {
	Enrollments       *[]Seat `json:"enrollments,omitempty"`          // exactly the active ones
	Allowances        *[]Seat `json:"allowances,omitempty"`           // exactly these
	MaxMails          *int    `json:"max_mails,omitempty"`            // per learner and course
	MaxTokenFetches   *int    `json:"max_token_fetches,omitempty"`    // in the last hour
	MaxCallsPerMinute *int    `json:"max_calls_per_minute,omitempty"` // enrolment calls in the busiest minute
	NoExpiredTokens   bool    `json:"no_expired_tokens,omitempty"`    // no call with a token past its end
}

// Report is what Check found; Problems is empty when everything is as expected.
type Report struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"`
}

// problemsShown is how many problems of one kind a report spells out.
const problemsShown = 20

// Check compares what happened with what should have.
func (s *Server) Check(want Expectation) Report {
	state, stats := s.State(), s.Stats()
	report := Report{Problems: []string{}}
	if want.Enrollments != nil {
		report.compare("enrolment", s.activeSeats(state), s.foldSeats(*want.Enrollments))
	}
	if want.Allowances != nil {
		report.compare("allowance", s.allowedSeats(state), s.foldSeats(*want.Allowances))
	}
	if want.MaxMails != nil {
		report.mails(stats.mailCounts, *want.MaxMails)
	}
	if want.MaxTokenFetches != nil && stats.TokenFetches > *want.MaxTokenFetches {
		report.add("%d tokens fetched in an hour, at most %d wanted", stats.TokenFetches, *want.MaxTokenFetches)
	}
	if want.MaxCallsPerMinute != nil && stats.BusiestMinute > *want.MaxCallsPerMinute {
		report.add("%d enrolment calls in the busiest minute, at most %d wanted", stats.BusiestMinute, *want.MaxCallsPerMinute)
	}
	if want.NoExpiredTokens && stats.ExpiredTokenCalls > 0 {
		report.add("%d calls with an expired token", stats.ExpiredTokenCalls)
	}
	report.OK = len(report.Problems) == 0
	return report
}

func (r *Report) add(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) compare(what string, got, want map[Seat]bool) {
	r.difference(what+" missing", want, got)
	r.difference(what+" not expected", got, want)
}

func (r *Report) difference(what string, of, without map[Seat]bool) {
	var lines []string
	for seat := range maps.Keys(of) {
		if !without[seat] {
			lines = append(lines, fmt.Sprintf("%s: %s in %s", what, seat.Learner, seat.Course))
		}
	}
	r.list(what, lines)
}

func (r *Report) mails(counts []campus.MailCount, limit int) {
	var lines []string
	for _, n := range counts {
		if n.Mails > limit {
			lines = append(lines, fmt.Sprintf("%d mails to %s about %s", n.Mails, n.To, n.Course))
		}
	}
	r.list("learners mailed too often", lines)
}

func (r *Report) list(what string, lines []string) {
	slices.Sort(lines)
	if len(lines) > problemsShown {
		r.add("%s: %d in all, the first %d follow", what, len(lines), problemsShown)
		lines = lines[:problemsShown]
	}
	r.Problems = append(r.Problems, lines...)
}

func (s *Server) foldEmail(email string) string {
	if s.opt.CaseSensitive {
		return email
	}
	return strings.ToLower(email)
}

func (s *Server) foldSeats(seats []Seat) map[Seat]bool {
	set := map[Seat]bool{}
	for _, seat := range seats {
		set[Seat{s.foldEmail(seat.Learner), seat.Course}] = true
	}
	return set
}

func (s *Server) activeSeats(state State) map[Seat]bool {
	emails := map[string]string{}
	for _, u := range state.Users {
		emails[u.Username] = s.foldEmail(u.Email)
	}
	set := map[Seat]bool{}
	for _, e := range state.Enrollments {
		if e.Active {
			set[Seat{emails[e.User], e.Course}] = true
		}
	}
	return set
}

func (s *Server) allowedSeats(state State) map[Seat]bool {
	set := map[Seat]bool{}
	for _, a := range state.Allowances {
		set[Seat{s.foldEmail(a.Email), a.Course}] = true
	}
	return set
}

// Stats are counts since the start or the last Reset.
type Stats struct {
	Calls             map[Endpoint]map[int]int64 `json:"calls"`               // by status; 0 is a call without an answer
	TokenFetches      int                        `json:"token_fetches"`       // successful ones in the last hour
	ExpiredTokenCalls int64                      `json:"expired_token_calls"` // calls with a token past its end
	BusiestMinute     int                        `json:"busiest_minute"`      // most enrolment calls within 60 s
	MailsPerSeat      int                        `json:"max_mails"`           // most mails to one learner about one course

	mailCounts []campus.MailCount
}

// Stats counts what happened.
func (s *Server) Stats() Stats {
	stats := s.calls.stats(s.now())
	s.campus.Read(func(t *campus.Tx) { stats.mailCounts = t.MailCounts() })
	for _, n := range stats.mailCounts {
		stats.MailsPerSeat = max(stats.MailsPerSeat, n.Mails)
	}
	return stats
}

func (l *requestLog) stats(now time.Time) Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	stats := Stats{Calls: map[Endpoint]map[int]int64{}, ExpiredTokenCalls: l.expired, BusiestMinute: l.busiest}
	for endpoint, counts := range l.tallies {
		stats.Calls[endpoint] = maps.Clone(counts)
	}
	for _, at := range l.fetches {
		if now.Sub(at) <= time.Hour {
			stats.TokenFetches++
		}
	}
	return stats
}
