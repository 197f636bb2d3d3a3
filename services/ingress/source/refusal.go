package source

import (
	"errors"
	"fmt"

	"github.com/edrelay/edrelay/internal/relay"
)

// Refusal is why a request is not taken. It never holds a secret, a payload or an address.
type Refusal struct {
	Status  int    // what the sender gets
	Reason  string // one word: part of rejected.<source>.<reason> and a metric's label
	Message string // short public sentence
	Answer  Answer // what the sender hears when it is more than Status and Message
	Keep    bool   // keep the request in REJECTED, so that it can be seen and verified again
	Err     error  // cause, for logs
}

// Error gives the message and the cause.
func (r *Refusal) Error() string {
	if r.Err != nil {
		return r.Message + ": " + r.Err.Error()
	}
	return r.Message
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Refuse makes a refusal that is kept in REJECTED.
func Refuse(status int, reason, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Reason: reason, Message: fmt.Sprintf(format, args...), Keep: true}
}

// RefusalOf gives the refusal in the chain of err. Any other error becomes 503 when it says that something is
// away, and 500 otherwise.
func RefusalOf(err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	if relay.CodeOf(err) == relay.CodeUnavailable {
		return &Refusal{Status: 503, Reason: "unavailable", Message: relay.PublicMessage(err), Err: err}
	}
	return &Refusal{Status: 500, Reason: "internal", Message: "Internal error.", Err: err}
}
