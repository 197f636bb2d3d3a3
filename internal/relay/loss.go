package relay

import "time"

// Loss is a stretch of the log that was there and is not any more, though nobody let it go: the end of a stream whose
// block the disk corrupted, or a stream that was made anew.
type Loss struct {
	Stream      string
	First, Last uint64    // sequences
	Since       time.Time // what was lost was taken after this
	Until       time.Time // and before this
	Unworked    int       // of WEBHOOKS: how many of them the ledger does not know
	FoundAt     time.Time
}
