package lmssim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of faults.
const (
	FaultLatency   FaultKind = "latency"       // the answer comes after Delay
	FaultHang      FaultKind = "hang"          // no answer; the connection stays open until the client leaves
	FaultReset     FaultKind = "reset"         // the connection is reset (TCP RST)
	FaultStatus    FaultKind = "status"        // a page of HTML with Status
	FaultThrottled FaultKind = "throttled"     // 429 with RetryAfter
	FaultHTML      FaultKind = "html"          // 200 with a page of HTML
	FaultCutJSON   FaultKind = "cut_json"      // the first half of the answer, as a whole HTTP message
	FaultTruncate  FaultKind = "truncate"      // the connection ends in the middle of the body
	FaultDrip      FaultKind = "drip"          // the body comes byte by byte, over Delay
	FaultClose     FaultKind = "close"         // the answer says Connection: close
	FaultDrop      FaultKind = "drop"          // the connection is closed after the answer, unannounced
	FaultTokenLife FaultKind = "token_life"    // tokens end after Delay, whatever expires_in said
	FaultLearner   FaultKind = "learner_error" // an exception for the learner; nothing is changed
	FaultMail      FaultKind = "mail_error"    // an exception when the learner is mailed; the enrolment is made
)

// Fault is something that goes wrong on purpose. Empty fields match everything.
type Fault struct {
	ID   string    `json:"id"` // given by SetFault when empty; the same id replaces
	Kind FaultKind `json:"kind"`

	Endpoint Endpoint `json:"endpoint,omitempty"`
	Method   string   `json:"method,omitempty"`
	Course   string   `json:"course,omitempty"`  // only calls that name this course
	Learner  string   `json:"learner,omitempty"` // only calls that name this address or username

	Skip  int `json:"skip,omitempty"`  // so many matching calls are spared first
	Every int `json:"every,omitempty"` // then each nth is hit; 1 when 0
	Times int `json:"times,omitempty"` // so many at most; 0 is no limit

	AfterWork  bool     `json:"after_work,omitempty"`  // the work is done, then the answer is spoilt
	Status     int      `json:"status,omitempty"`      // of FaultStatus; 500 when 0
	RetryAfter string   `json:"retry_after,omitempty"` // header as it stands, or "date+37s" for that time from now
	Delay      Duration `json:"delay,omitempty"`

	Seen int `json:"seen"` // matching calls so far
	Hits int `json:"hits"` // calls hit so far
}

func (f Fault) check() error {
	switch f.Kind {
	case FaultLatency, FaultHang, FaultReset, FaultStatus, FaultThrottled, FaultHTML, FaultCutJSON, FaultTruncate,
		FaultDrip, FaultClose, FaultDrop, FaultTokenLife, FaultLearner, FaultMail:
	default:
		return fmt.Errorf("fault: kind %q is not known", f.Kind)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("fault: status %d can't be sent", f.Status)
	}
	if f.Skip < 0 || f.Every < 0 || f.Times < 0 || f.Delay < 0 {
		return fmt.Errorf("fault: skip, every, times and delay can't be negative")
	}
	if after, ok := strings.CutPrefix(f.RetryAfter, "date+"); ok {
		if _, err := time.ParseDuration(after); err != nil {
			return fmt.Errorf("fault: retry_after %q is not like date+37s", f.RetryAfter)
		}
	}
	return nil
}

// perLearner tells whether a fault strikes single learners inside a call, not the call.
func (f *Fault) perLearner() bool { return f.Kind == FaultLearner || f.Kind == FaultMail }

func (f *Fault) matches(c *call) bool {
	return (f.Endpoint == "" || f.Endpoint == c.endpoint) &&
		(f.Method == "" || strings.EqualFold(f.Method, c.req.Method)) &&
		(f.Course == "" || c.mentions(f.Course)) &&
		(f.Learner == "" || c.mentions(f.Learner))
}

// due counts one matching call and tells whether it is hit.
func (f *Fault) due() bool {
	f.Seen++
	past := f.Seen - f.Skip - 1
	if past < 0 || past%max(1, f.Every) != 0 || f.Times > 0 && f.Hits >= f.Times {
		return false
	}
	f.Hits++
	return true
}

type faults struct {
	mu      sync.Mutex
	list    []*Fault
	last    int
	release chan struct{} // closed when hanging calls are to be let go
}

func (f *faults) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list, f.last = nil, 0
	f.letGo()
}

func (f *faults) letGo() {
	if f.release != nil {
		close(f.release)
	}
	f.release = make(chan struct{})
}

func (f *faults) add(fault Fault) (Fault, error) {
	if err := fault.check(); err != nil {
		return Fault{}, err
	}
	fault.Seen, fault.Hits = 0, 0
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.ID == "" {
		f.last++
		fault.ID = "fault-" + strconv.Itoa(f.last)
	}
	stored := fault
	for i, old := range f.list {
		if old.ID == fault.ID {
			f.list[i] = &stored
			return fault, nil
		}
	}
	f.list = append(f.list, &stored)
	return fault, nil
}

// remove ends one fault, or all for ""; calls that hang are cut off. False when there is no such fault.
func (f *faults) remove(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.list[:0:0]
	for _, fault := range f.list {
		if id != "" && fault.ID != id {
			kept = append(kept, fault)
		}
	}
	gone := len(kept) < len(f.list)
	f.list = kept
	f.letGo()
	return gone || id == ""
}

func (f *faults) snapshot() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Fault, len(f.list))
	for i, fault := range f.list {
		all[i] = *fault
	}
	return all
}

// strike gives the faults that hit a call, and the channel that lets it go when it hangs.
func (f *faults) strike(c *call) ([]Fault, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hit []Fault
	for _, fault := range f.list {
		if fault.Kind != FaultTokenLife && !fault.perLearner() && fault.matches(c) && fault.due() {
			hit = append(hit, *fault)
			c.log.Faults = append(c.log.Faults, fault.ID)
		}
	}
	return hit, f.release
}

// tokenLife tells how long a new token really lives when a fault says so.
func (f *faults) tokenLife(c *call) (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.list {
		if fault.Kind == FaultTokenLife && fault.matches(c) && fault.due() {
			c.log.Faults = append(c.log.Faults, fault.ID)
			return time.Duration(fault.Delay), true
		}
	}
	return 0, false
}

// trouble gives what goes wrong with single learners of a course; nil when nothing can.
func (f *faults) trouble(c *call, course string) func(email string) campus.Trouble {
	f.mu.Lock()
	defer f.mu.Unlock()
	var armed []*Fault
	for _, fault := range f.list {
		if fault.perLearner() && (fault.Endpoint == "" || fault.Endpoint == c.endpoint) &&
			(fault.Course == "" || fault.Course == course) {
			armed = append(armed, fault)
		}
	}
	if armed == nil {
		return nil
	}
	return func(email string) campus.Trouble {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, fault := range armed {
			if fault.Learner != "" && !strings.EqualFold(fault.Learner, email) || !fault.due() {
				continue
			}
			c.log.Faults = append(c.log.Faults, fault.ID)
			if fault.Kind == FaultMail {
				return campus.MailFails
			}
			return campus.WorkRefused
		}
		return campus.NoTrouble
	}
}

// answer is what a fault sends in place of the platform's answer.
func (f Fault) answer(c *call) reply {
	switch f.Kind {
	case FaultHTML:
		return page(http.StatusOK, "Down for maintenance")
	case FaultThrottled:
		r := detail(http.StatusTooManyRequests, "Request was throttled.")
		if after, ok := strings.CutPrefix(f.RetryAfter, "date+"); ok {
			wait, _ := time.ParseDuration(after) // checked when the fault was set
			return r.set("Retry-After", c.now.Add(wait).UTC().Format(http.TimeFormat))
		}
		if f.RetryAfter != "" {
			r = r.set("Retry-After", f.RetryAfter)
		}
		return r
	default:
		status := f.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		r := htmlReply(status)
		if f.RetryAfter != "" {
			r = r.set("Retry-After", f.RetryAfter)
		}
		return r
	}
}
