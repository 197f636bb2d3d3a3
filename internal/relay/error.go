package relay

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an Error is. Adapters turn it into their own status once: HTTP in
// ingress and console, the exit status in the command line.
type Code string

// The codes, with the HTTP status that they become.
const (
	CodeInvalid         Code = "invalid"            // 400: the input is wrong; sending it again won't help
	CodeUnauthorized    Code = "unauthorized"       // 401: who is asking is not known
	CodePaymentRequired Code = "payment_required"   // 402: the order is not paid
	CodeForbidden       Code = "forbidden"          // 403: known or not, this is not allowed
	CodeNotFound        Code = "not_found"          // 404
	CodeMethod          Code = "method_not_allowed" // 405
	CodeConflict        Code = "conflict"           // 409: it exists already, or changed meanwhile
	CodeTooLarge        Code = "too_large"          // 413
	CodeUnsupported     Code = "unsupported_media"  // 415
	CodeKeyReused       Code = "key_reused"         // 422: an Idempotency-Key that belongs to another request
	CodeLimited         Code = "limited"            // 429: too much too fast
	CodeInternal        Code = "internal"           // 500: a defect of ours
	CodeUnknownMethod   Code = "unknown_method"     // 501: no resource has such a method
	CodeUnavailable     Code = "unavailable"        // 503: something that we need is away; try again
)

// Error is a failure that a person or a program outside may hear of. Message is a short public sentence: what is
// wrong and where; it never holds a secret, a payload or a learner's address. Hint says what to do next and
// may be empty. Err is the cause, for logs only.
type Error struct {
	Code    Code
	Message string
	Hint    string
	Err     error
}

// Error gives the code, the message and the cause.
func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = string(e.Code)
	}
	if e.Err != nil {
		text = strings.TrimSuffix(text, ".") + ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error with a public message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf gives the code of the first Error in the chain of err; CodeInternal for any other error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// PublicMessage gives what a stranger may read of err: the message of the first Error in its chain, or a plain
// sentence for any other error.
func PublicMessage(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "Internal error."
}

// ErrNotFound is what adapters return, wrapped, when the thing asked for does not exist.
var ErrNotFound = &Error{Code: CodeNotFound, Message: "not found"}
