package relay

import (
	"strings"
	"time"
)

// ForgottenReason begins the reason of everything that ended because its learner was forgotten.
const ForgottenReason = "the learner was forgotten"

// What stands in the place of a forgotten learner's address. No mail ever goes to it.
const (
	forgottenPrefix = "forgotten-"
	forgottenDomain = "@invalid"
)

// ForgottenAddress makes what stands in the place of an address; id is random, so nothing leads back.
func ForgottenAddress(id string) string {
	return forgottenPrefix + strings.ToLower(id) + forgottenDomain
}

// IsForgotten tells whether an address stands for a learner who was forgotten. Nothing is asked of the LMS for one.
func IsForgotten(address string) bool {
	return strings.HasPrefix(address, forgottenPrefix) && strings.HasSuffix(address, forgottenDomain)
}

// ForgottenLearner has later updates of an order know a learner again who was forgotten, without the address.
type ForgottenLearner struct {
	Salt []byte
	Hash []byte // HMAC-SHA256 of the address in lower case under Salt
	As   string // what stands in its place
}

// ShowLearner asks for everything that is held of a learner.
type ShowLearner struct {
	Address     string `json:"address"`
	AddressOnly bool   `json:"address_only,omitempty"` // leave out events that name the learner by username or user id alone
	Limit       *int   `json:"limit,omitempty"`        // rows of each kind: 50 when left out, 0 for all
}

// ForgetLearner asks for a learner to be erased.
type ForgetLearner struct {
	Address       string `json:"address"`
	AddressOnly   bool   `json:"address_only,omitempty"`
	IncludeParked bool   `json:"include_parked,omitempty"` // erase parked webhooks too that name others; what they ask for is given up
	Rewrite       bool   `json:"rewrite,omitempty"`        // write the ledger's tables anew, each locked meanwhile, so that no dead bytes stay in its files
	DryRun        bool   `json:"dry_run,omitempty"`        // count and show samples, change nothing
}

// How a message names a learner.
const (
	NamedByAddress  = "address"
	NamedByUsername = "username"
	NamedByUserID   = "user id"
)

// HeldMessage is a message of the log that names a learner.
type HeldMessage struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	ID       string    `json:"id"` // as `webhook show` and `event show` take it
	Type     string    `json:"type"`
	Source   string    `json:"source"`
	StoredAt time.Time `json:"stored_at"`
	State    string    `json:"state"` // of a webhook; "" otherwise
	By       string    `json:"by"`    // how it names the learner: address, username, user id
}

// HeldCopy is what the mirror of a NATS user holds.
type HeldCopy struct {
	Reader   string `json:"reader"`
	Messages int    `json:"messages"`
}

// HeldOrder is an order that names a learner.
type HeldOrder struct {
	Source string `json:"source"`
	Order  string `json:"order"`
}

// HeldDeliveries counts deliveries of events that name a learner.
type HeldDeliveries struct {
	Subscription string `json:"subscription"`
	Delivered    int    `json:"delivered"`
	Waiting      int    `json:"waiting"`
	Parked       int    `json:"parked"`
}

// LearnerCounts says how much is held of a learner, or was erased.
type LearnerCounts struct {
	Webhooks    int `json:"webhooks"` // messages of WEBHOOKS
	Rejected    int `json:"rejected"` // messages of REJECTED
	Events      int `json:"events"`   // messages of EVENTS
	Copies      int `json:"copies"`   // messages in the mirrors of NATS users
	Orders      int `json:"orders"`
	Enrollments int `json:"enrollments"`
	Deliveries  int `json:"deliveries"` // of those events
	Roster      int `json:"roster"`     // the person and the entries
	Pending     int `json:"pending"`    // requests to the roster
	Outbox      int `json:"outbox"`     // events not on the log yet
	Replays     int `json:"replays"`    // whose filter names the learner
	Texts       int `json:"texts"`      // other rows of the ledger in which the address stands
}

// Total is how much it is in all.
func (c LearnerCounts) Total() int {
	return c.Webhooks + c.Rejected + c.Events + c.Copies + c.Orders + c.Enrollments + c.Deliveries + c.Roster + c.Pending + c.Outbox +
		c.Replays + c.Texts
}

// Held is everything that edrelay holds of a learner. Counts are exact; the lists are cut at the limit asked for.
type Held struct {
	Learner        string           `json:"learner"`
	Usernames      []string         `json:"usernames"`       // of the same person, from events and roster
	UserIDs        []string         `json:"user_ids"`        // in Open edX
	OtherAddresses []string         `json:"other_addresses"` // seen with those usernames; each is forgotten for itself
	Counts         LearnerCounts    `json:"counts"`
	Webhooks       []HeldMessage    `json:"webhooks"`
	Rejected       []HeldMessage    `json:"rejected"`
	Events         []HeldMessage    `json:"events"`
	Copies         []HeldCopy       `json:"copies"`
	Orders         []HeldOrder      `json:"orders"`
	Enrollments    []Enrollment     `json:"enrollments"`
	Deliveries     []HeldDeliveries `json:"deliveries"`
	Person         *Person          `json:"person"`
	Roster         []RosterEntry    `json:"roster"`
	Pending        []RosterPending  `json:"pending"`
	Replays        []string         `json:"replays"`
}

// ErasureState is how far the erasure of a learner is.
type ErasureState string

// The states of an erasure.
const (
	ErasurePlanned    ErasureState = "planned" // a dry run: nothing was changed
	ErasureRunning    ErasureState = "running"
	ErasureDone       ErasureState = "done"       // nothing is left within edrelay's reach
	ErasureIncomplete ErasureState = "incomplete" // something blocks; Blocked says what
	ErasureFailed     ErasureState = "failed"     // Error says why; the same order again finishes it
)

// ErasureLost is the error of an erasure whose process was killed.
const ErasureLost = "edrelay ended in the middle of it; forget the learner again"

// BlockedErasure is something that could not be erased yet.
type BlockedErasure struct {
	What string `json:"what"` // e.g. "webhook 5f2c…"
	Why  string `json:"why"`
	Do   string `json:"do"` // what to do about it
}

// BeyondReach is a place that edrelay can't erase from.
type BeyondReach struct {
	Where string `json:"where"`
	Do    string `json:"do"`
}

// Erasure is one time that a learner was forgotten, or would be. It holds no address.
type Erasure struct {
	ID         string           `json:"id"`
	State      ErasureState     `json:"state"`
	By         string           `json:"by"`      // the operator
	Learner    string           `json:"learner"` // keyed hash of the address: the same learner has the same one in this ledger
	As         string           `json:"as"`      // what stands in the ledger in the place of the address
	Step       string           `json:"step"`    // what is being done
	Scanned    int64            `json:"scanned"` // messages looked at in this step
	Total      int64            `json:"total"`   // of so many
	Counts     LearnerCounts    `json:"counts"`
	Samples    []HeldMessage    `json:"samples"` // of a dry run
	Blocked    []BlockedErasure `json:"blocked"`
	Beyond     []BeyondReach    `json:"beyond"`
	Remarks    []string         `json:"remarks"`
	Error      string           `json:"error"`
	StartedAt  time.Time        `json:"started_at"`
	FinishedAt *time.Time       `json:"finished_at"`
}

// ErasedMessage says that a message of the log was erased.
type ErasedMessage struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	Erasure  string    `json:"erasure"`
	ErasedAt time.Time `json:"erased_at"`
}

// Error says what became of the message, for whoever asks for it.
func (m ErasedMessage) Error() *Error {
	return &Error{Code: CodeNotFound,
		Message: "This was erased from the log on " + m.ErasedAt.UTC().Format(time.RFC3339) + ": " + ForgottenReason + " (erasure " + m.Erasure + ")",
		Hint:    "edrelay learner erasures lists who was forgotten when; the payload can't be had back"}
}

// Messages is how many messages were erased, mirrors included.
func (e Erasure) Messages() int {
	return e.Counts.Webhooks + e.Counts.Rejected + e.Counts.Events + e.Counts.Copies
}
