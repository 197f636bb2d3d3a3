package relay

import "time"

// IdempotencyKept is how long the answer to a request with an Idempotency-Key is given again.
const IdempotencyKept = 24 * time.Hour

// KeptAnswer is what a request with an Idempotency-Key came to.
type KeptAnswer struct {
	Request []byte // digest of what was asked
	Status  int    // 0: it is being worked, or its worker died
	Media   string
	Answer  []byte // sealed
	Alive   bool   // somebody works it
}
