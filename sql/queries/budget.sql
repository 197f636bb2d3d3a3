-- name: LockBudget :exec
SELECT pg_advisory_xact_lock(hashtext('edrelay lms budget'));

-- name: ForgetCalls :exec
DELETE FROM lms_calls WHERE at <= clock_timestamp() - interval '1 minute';

-- name: BudgetState :one
-- Calls of the last minute, when the call that frees a place was made, and how long the LMS asked everybody to wait.
SELECT
    (SELECT count(*) FROM lms_calls)::integer AS spent,
    greatest(0, extract(epoch FROM (SELECT blocked_until FROM lms_gate) - clock_timestamp()))::float8 AS blocked,
    coalesce(greatest(0, extract(epoch FROM
        (SELECT at FROM lms_calls ORDER BY at DESC LIMIT 1 OFFSET @skip::integer) + interval '1 minute' - clock_timestamp())), 0)::float8 AS full_for;

-- name: CountCall :exec
INSERT INTO lms_calls (at) VALUES (clock_timestamp());

-- name: BlockCalls :exec
UPDATE lms_gate SET blocked_until = greatest(blocked_until, clock_timestamp() + make_interval(secs => @seconds::float8));

-- name: ReportStatus :exec
INSERT INTO enroller_status (instance, state, reason, hint, since, seen_at)
VALUES (@instance, @state, @reason, @hint, now(), now())
ON CONFLICT (instance) DO UPDATE SET
    since = CASE WHEN enroller_status.state = excluded.state THEN enroller_status.since ELSE excluded.since END,
    state = excluded.state, reason = excluded.reason, hint = excluded.hint, seen_at = excluded.seen_at;

-- name: ListStatus :many
SELECT * FROM enroller_status WHERE seen_at >= now() - interval '1 minute' ORDER BY instance;

-- name: ForgetStatus :exec
DELETE FROM enroller_status WHERE seen_at < now() - interval '1 hour' OR instance = @instance;
