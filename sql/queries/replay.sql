-- name: InsertReplay :exec
INSERT INTO replays (id, target, enroller, stream, state, request, matched, cursor, last, rate, created_by)
VALUES (@id, @target, @enroller, @stream, 'running', @request, @matched, @cursor, @last, @rate, @created_by);

-- name: GetReplay :one
SELECT r.*, (SELECT count(*) FROM retries t WHERE t.replay = r.id AND t.counted = 0) AS pending,
    (SELECT count(*) FROM retries t WHERE t.replay = r.id AND t.counted > 0) AS failing
FROM replays r WHERE r.id = @id;

-- name: ListReplays :many
SELECT r.*, (SELECT count(*) FROM retries t WHERE t.replay = r.id AND t.counted = 0) AS pending,
    (SELECT count(*) FROM retries t WHERE t.replay = r.id AND t.counted > 0) AS failing
FROM replays r
WHERE (@state::text = '' OR r.state = @state) AND (@before_id::text = '' OR (r.created_at, r.id) < (@before_time::timestamptz, @before_id))
ORDER BY r.created_at DESC, r.id DESC LIMIT @at_most;

-- name: ClaimReplay :one
-- The oldest running replay of the worker's kind that nobody works, taken for the lease.
UPDATE replays SET lease_owner = @owner, lease_until = now() + make_interval(secs => @lease_seconds::float8)
WHERE id = (
    SELECT r.id FROM replays r
    WHERE r.state = 'running' AND (r.lease_until IS NULL OR r.lease_until < now())
      AND ((r.enroller AND @enroller::boolean) OR (NOT r.enroller AND @deliveries::boolean))
    ORDER BY r.created_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: AdvanceReplay :execrows
UPDATE replays SET cursor = @cursor, handed = handed + @handed, failed = failed + @failed,
    lease_until = now() + make_interval(secs => @lease_seconds::float8)
WHERE id = @id AND state = 'running' AND lease_owner = @owner;

-- name: FinishReplay :exec
UPDATE replays SET state = @state, reason = @reason, finished_at = now(), lease_owner = NULL, lease_until = NULL
WHERE id = @id AND state = 'running' AND lease_owner = @owner;

-- name: LeaveReplay :exec
UPDATE replays SET lease_owner = NULL, lease_until = NULL WHERE id = @id AND lease_owner = @owner;

-- name: SetReplayState :execrows
UPDATE replays SET state = @state, lease_owner = NULL, lease_until = NULL,
    finished_at = CASE WHEN @state::text = 'cancelled' THEN now() END
WHERE id = @id AND state = ANY(@from_states::text[]);

-- name: DeliveryStates :many
SELECT sequence, state FROM deliveries
WHERE subscription_id = @subscription_id AND sequence = ANY(@sequences::bigint[]) AND stored_at >= @since::timestamptz AND stored_at < @until::timestamptz;

-- name: WebhookStates :many
SELECT sequence, state FROM webhooks WHERE sequence = ANY(@sequences::bigint[]) AND received_at >= @since::timestamptz;
