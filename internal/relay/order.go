package relay

import "time"

// Intent is what the state of an order asks for its learners.
type Intent string

// The intents of an order.
const (
	IntentNone   Intent = "none"   // nothing yet (unpaid, on hold, draft); Reason says why
	IntentEnroll Intent = "enroll" // the learners of its lines should be in
	IntentUndo   Intent = "undo"   // the whole order is cancelled, refunded, failed or gone
)

// Order is what one webhook says about one order. A kind of source makes it from the exact bytes received; the
// enroller turns it into enrolments. Two updates of one order are told old and new by Version, never by arrival.
type Order struct {
	ID      string    // the sender's key of the order, unique within the source
	Name    string    // what people call it, e.g. "#1001"; may be empty
	Version time.Time // the sender's time of this state; zero when it gives none
	Intent  Intent
	Reason  string // why Intent is none or undo, e.g. "unpaid", "cancelled"
	Delta   bool   // only Refunds count: Intent and Lines say nothing (Shopify refunds/create)
	Lines   []Line
	Refunds []Refund
	Direct  *Direct // set when the sender wants each outcome itself (Lernito)
}

// Line is one line of an order.
type Line struct {
	ID       string // the sender's key of the line, unique within the order; its position when it gives none
	SKU      string // course id, or what leads to one; "" when the line has none, which is a line that is no course
	Learner  string // e-mail address, trimmed; empty when the line has none
	Quantity int    // as ordered; 0: taken off the order since, so what it asked for is undone
	Problem  string // why its learner can't be worked, for people ("no learner's address"); "" when it can; a line that is no course is skipped whatever its problem
}

// Refund takes some quantity of some lines back. Refunds of one order add up, each ID once.
type Refund struct {
	ID    string
	At    time.Time
	Lines []RefundLine // empty: money only, nothing is undone
}

// RefundLine is how much of a line a refund takes back.
type RefundLine struct {
	LineID   string
	Quantity int
}

// Direct asks for the enrolments of one learner whose outcome the sender waits for.
type Direct struct {
	Learner string
	Courses []string // all are checked before anything is written
}
