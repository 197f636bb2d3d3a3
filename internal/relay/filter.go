package relay

import "time"

// Filter is a URL that may change or stop what Open edX is about to do, as operators declare it.
type Filter struct {
	Name                       string   `json:"name"`   // unique; the handle in every command
	Filter                     string   `json:"filter"` // class, e.g. "CourseEnrollmentStarted"
	URL                        string   `json:"url"`    // with its password masked wherever it is shown
	Format                     Format   `json:"format"` // plugin-json or plugin-form
	DisableFiltering           bool     `json:"disable_filtering"`
	DisableHalt                bool     `json:"disable_halt"` // of what the answer asks; not of status and request errors
	HaltOn4xx                  bool     `json:"halt_on_4xx"`
	RedirectOn4xx              string   `json:"redirect_on_4xx"`
	HaltOn5xx                  bool     `json:"halt_on_5xx"`
	RedirectOn5xx              string   `json:"redirect_on_5xx"`
	HaltOnRequestException     bool     `json:"halt_on_request_exception"`
	RedirectOnRequestException string   `json:"redirect_on_request_exception"`
	Timeout                    Duration `json:"timeout"`
	Position                   int      `json:"position"`         // filters of one class run in this order, equal ones by name
	Parallel                   bool     `json:"parallel"`         // may be asked together with its parallel neighbours
	Allow                      []string `json:"allow"`            // identity fields that its answers may set, by name or path
	WhenUnavailable            Policy   `json:"when_unavailable"` // when it is not asked at all: known broken, busy, no time left
	Enabled                    bool     `json:"enabled"`
	Description                string   `json:"description"`

	Paused bool        `json:"-"`     // by an operator, whatever is declared
	State  FilterState `json:"state"` // follows from Enabled and Paused; what a declaration says of it is ignored
}

// FilterState is whether a filter is asked.
type FilterState string

// The states of a filter.
const (
	FilterActive FilterState = "active"
	FilterPaused FilterState = "paused"
)

// Policy is what becomes of Open edX's question when a filter can't be asked.
type Policy string

// The policies. The empty one follows halt_on_request_exception.
const (
	PolicyLetThrough Policy = "let-through"
	PolicyHalt       Policy = "halt"
)

// StoredFilter is a filter as the ledger keeps it: URL is empty, for it may hold a password and stands sealed.
type StoredFilter struct {
	Filter
	SealedURL []byte
}

// FilterOutcome is what one filter's answer came to.
type FilterOutcome string

// The outcomes of a filter call.
const (
	FilterChanged   FilterOutcome = "changed"   // it set values
	FilterHalted    FilterOutcome = "halted"    // it stopped Open edX, or its failure did
	FilterUnchanged FilterOutcome = "unchanged" // it was asked and had nothing to say
	FilterFailed    FilterOutcome = "failed"    // no usable answer, let through
	FilterSkipped   FilterOutcome = "skipped"   // not asked, let through
)

// FilterCall is one filter asked once, without personal data: which keys changed, never to what.
type FilterCall struct {
	ID         string        `json:"id"`
	Question   string        `json:"question"` // id that all calls for one question of Open edX share
	At         time.Time     `json:"at"`
	Name       string        `json:"name"`   // of the filter
	Filter     string        `json:"filter"` // class
	Outcome    FilterOutcome `json:"outcome"`
	Status     int           `json:"status"`    // 0: no answer came
	Error      string        `json:"error"`     // why it failed or was skipped
	Exception  string        `json:"exception"` // that stops Open edX; "" for none
	Changed    []string      `json:"changed"`   // keys that the answer set
	Dropped    []string      `json:"dropped"`   // what was taken out of the answer, and why
	DurationMS float64       `json:"duration_ms"`
}

// FilterCallQuery chooses filter calls; empty fields choose all. Sorted by At, ID.
type FilterCallQuery struct {
	Page
	Name    string
	Filter  string
	Outcome FilterOutcome
	Since   time.Time
	Until   time.Time
}

// FilterTest is what a filter answered to a made-up question.
type FilterTest struct {
	Name        string     `json:"name"`
	Filter      string     `json:"filter"`
	URL         string     `json:"url"` // without password and query
	ContentType string     `json:"content_type"`
	Request     string     `json:"request"`
	Status      int        `json:"status"`
	Answer      string     `json:"answer"`  // at most 1 KiB, printable
	Result      string     `json:"result"`  // the JSON object that Open edX would get
	Problem     string     `json:"problem"` // what is wrong with the answer; "" for nothing
	Call        FilterCall `json:"call"`
}

// Change is one thing that an apply did, or would do.
type Change struct {
	Name   string   `json:"name"`
	Action string   `json:"action"` // added, changed, removed or unchanged
	Fields []string `json:"fields"` // of a changed one
	Diff   []Diff   `json:"diff,omitempty"`
}

// Diff is one key that gets another value; secrets are masked.
type Diff struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}
