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
UPDATE replays SET lease_owner = @owner, lease_until = now() + make_interval(secs => @lease_seconds::float8), touched_at = now()
WHERE id = (
    SELECT r.id FROM replays r
    WHERE r.state = 'running' AND (r.lease_until IS NULL OR r.lease_until < now())
      AND ((r.enroller AND @enroller::boolean) OR (NOT r.enroller AND @deliveries::boolean))
    ORDER BY r.created_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: AdvanceReplay :one
-- What was handed out counts also when the replay was paused or cancelled meanwhile, unless somebody else works it by now:
-- else it would be handed out again. The commit waits for no disk.
UPDATE replays SET cursor = @cursor, handed = handed + @handed, failed = failed + @failed,
    lease_until = CASE WHEN lease_owner IS NOT NULL THEN now() + make_interval(secs => @lease_seconds::float8) END,
    worked_seconds = worked_seconds + extract(epoch FROM now() - coalesce(touched_at, now())), touched_at = now()
WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off' AND id = @id
  AND (state = 'running' AND lease_owner = @owner::text OR lease_owner IS NULL AND cursor < @cursor)
RETURNING (lease_owner IS NOT NULL)::boolean AS mine;

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

-- name: WebhooksAbout :many
-- Which of the webhooks are of an order that the ledger knows to have the course or the learner.
SELECT w.sequence, bool_or(e.course = @course::text)::boolean AS course, bool_or(e.learner_key = @learner_key::text)::boolean AS learner
FROM webhooks w JOIN enrollments e ON e.source = w.source AND e.order_id = w.order_id
WHERE w.sequence = ANY(@sequences::bigint[]) AND w.received_at >= @since::timestamptz AND w.order_id <> ''
GROUP BY w.sequence;

-- name: EnrollmentsAgain :many
-- Enrolments in the order of their ids, for replays.
SELECT * FROM enrollments
WHERE id > @after AND id <= @last AND state = @state AND (@source::text = '' OR source = @source)
  AND (@course::text = '' OR course = @course) AND (@learner_key::text = '' OR learner_key = @learner_key)
  AND (@reason::text = '' OR reason = @reason)
  AND created_at >= @since::timestamptz AND created_at < @until::timestamptz
ORDER BY id LIMIT @at_most;

-- name: LastEnrollment :one
SELECT coalesce(max(id), 0)::bigint FROM enrollments;
