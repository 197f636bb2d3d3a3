-- name: LockLogMark :one
SELECT last, seen_at FROM log_marks WHERE stream = @stream FOR UPDATE;

-- name: LogMark :one
SELECT last FROM log_marks WHERE stream = @stream;

-- name: MoveLogMark :exec
INSERT INTO log_marks (stream, last, seen_at) VALUES (@stream, @last, clock_timestamp())
ON CONFLICT (stream) DO UPDATE SET last = excluded.last, seen_at = excluded.seen_at;

-- name: CountSequences :one
-- How many webhooks of a range of the log the ledger knows.
SELECT count(DISTINCT sequence) FROM webhooks WHERE sequence BETWEEN @first AND @last AND received_at >= @since;

-- name: AddLogLoss :exec
INSERT INTO log_losses (stream, first, last, since, until, unworked) VALUES (@stream, @first, @last, @since, @until, @unworked);

-- name: LogLosses :many
SELECT * FROM log_losses WHERE found_at >= @since ORDER BY id;
