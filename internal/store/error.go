package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/edrelay/edrelay/internal/relay"
)

// wrap says what was being done and turns the driver's error into the vocabulary's: no row, conflict, or ledger away.
// Other errors keep their chain. An error that is the vocabulary's already stays what it is.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*relay.Error](err); ok && known != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, translate(err))
}

func translate(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return relay.ErrNotFound
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return ofServer(refused)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || connectionLost(err) ||
		errors.Is(err, context.DeadlineExceeded) { // which a pool without a free connection says as it is
		return away(err)
	}
	return err
}

// ofServer judges what the server itself answered by its SQLSTATE.
func ofServer(err *pgconn.PgError) error {
	switch {
	case err.Code == "23505", err.Code == "40001", err.Code == "40P01": // unique, serialization, deadlock
		return &relay.Error{Code: relay.CodeConflict, Message: "it exists already, or changed meanwhile", Err: err}
	case strings.HasPrefix(err.Code, "08"), strings.HasPrefix(err.Code, "53"), strings.HasPrefix(err.Code, "57"): // connection, resources, shutdown or time-out
		return away(err)
	case err.Code == "42P01": // undefined table
		return &relay.Error{
			Code: relay.CodeUnavailable, Message: "the ledger is not migrated", Hint: "Run edrelay migrate up.", Err: err,
		}
	}
	return err
}

func away(err error) error {
	return &relay.Error{
		Code: relay.CodeUnavailable, Message: "the ledger does not answer",
		Hint: "Check that Postgres runs and that database.url is right.", Err: err,
	}
}

func connectionLost(err error) bool {
	text := err.Error()
	return strings.Contains(text, "conn closed") || strings.Contains(text, "unexpected EOF") ||
		strings.Contains(text, "connection reset") || strings.Contains(text, "broken pipe")
}
