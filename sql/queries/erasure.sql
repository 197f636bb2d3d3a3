-- name: EndStaleErasures :exec
-- An erasure whose process is gone does not keep a new one of the same learner back.
UPDATE erasures SET state = 'failed',
    record = record || jsonb_build_object('state', 'failed', 'error', @reason::text, 'finished_at', now())
WHERE learner = @learner AND state = 'running' AND seen_at < now() - make_interval(secs => @stale_seconds::float8);

-- name: InsertErasure :exec
INSERT INTO erasures (id, state, learner, record, started_at) VALUES (@id, @state, @learner, @record, @started_at);

-- name: SaveErasure :exec
UPDATE erasures SET state = @state, record = @record, seen_at = now() WHERE id = @id;

-- name: GetErasure :one
SELECT * FROM erasures WHERE id = @id;

-- name: ListErasures :many
SELECT * FROM erasures
WHERE (@learner::text = '' OR learner = @learner)
  AND (@before_id::text = '' OR (started_at, id) < (@before_time::timestamptz, @before_id))
ORDER BY started_at DESC, id DESC LIMIT @at_most;

-- name: OfferErasureKey :exec
INSERT INTO erasure_key (key) VALUES (@key) ON CONFLICT DO NOTHING;

-- name: ErasureKey :one
SELECT key FROM erasure_key;

-- name: MarkErased :exec
INSERT INTO erased_messages (stored_at, stream, sequence, erasure_id)
SELECT unnest(@stored_at::timestamptz[]), @stream, unnest(@sequences::bigint[]), @erasure_id
ON CONFLICT DO NOTHING;

-- name: ErasedMessage :one
SELECT * FROM erased_messages WHERE stream = @stream AND sequence = @sequence ORDER BY erased_at DESC LIMIT 1;

-- name: OrdersNaming :many
-- Orders in whose newest state a text stands, in the order of their keys. The whole table is read.
SELECT source, id, state::text AS state FROM orders
WHERE (source, id) > (@after_source::text, @after_id::text) AND strpos(lower(state::text), @word::text) > 0
ORDER BY source, id LIMIT @at_most;

-- name: OrdersOfLearner :many
SELECT DISTINCT source, order_id FROM enrollments WHERE learner_key = @learner_key ORDER BY 1, 2;

-- name: IgnoreErasedWebhooks :execrows
-- A webhook that was parked is not waited for any more when its message is erased.
UPDATE webhooks SET state = 'ignored', reason = @reason::text, updated_at = now()
WHERE sequence = ANY(@sequences::bigint[]) AND received_at >= @since::timestamptz AND state = 'parked';

-- name: EndErasedDeliveries :execrows
-- What waits to deliver an erased event will not be tried again; what subscribers answered to it may repeat it.
UPDATE deliveries d SET
    state = CASE WHEN d.state = 'waiting' THEN 'parked' ELSE d.state END,
    last_error = CASE WHEN d.state = 'waiting' THEN @reason::text ELSE d.last_error END,
    next_attempt_at = NULL, last_answer = ''
FROM (SELECT unnest(@stored_at::timestamptz[]) AS stored_at, unnest(@sequences::bigint[]) AS sequence) AS k
WHERE d.stored_at = k.stored_at AND d.sequence = k.sequence AND (d.state = 'waiting' OR d.last_answer <> '');

-- name: BlankErasedAttempts :execrows
UPDATE delivery_attempts d SET answer = ''
FROM (SELECT unnest(@stored_at::timestamptz[]) AS stored_at, unnest(@sequences::bigint[]) AS sequence) AS k
WHERE d.stored_at = k.stored_at AND d.sequence = k.sequence AND d.answer <> '';

-- name: DropErasedRetries :execrows
DELETE FROM retries d
USING (SELECT unnest(@stored_at::timestamptz[]) AS stored_at, unnest(@sequences::bigint[]) AS sequence) AS k
WHERE d.stored_at = k.stored_at AND d.sequence = k.sequence;

-- name: ParkUntried :exec
-- An event that a subscription was still to be given is accounted for, though it will not come.
INSERT INTO deliveries (stored_at, subscription_id, sequence, event_id, event_type, state, attempts, last_at, last_ms,
    last_status, last_error, last_answer, next_attempt_at)
SELECT unnest(@stored_at::timestamptz[]), @subscription_id, unnest(@sequences::bigint[]), unnest(@event_ids::text[]),
    unnest(@event_types::text[]), 'parked', 0, NULL, 0, 0, @reason::text, '', NULL
ON CONFLICT DO NOTHING;

-- name: CountDeliveriesOf :many
SELECT s.name, d.state, count(*) AS rows
FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
JOIN (SELECT unnest(@stored_at::timestamptz[]) AS stored_at, unnest(@sequences::bigint[]) AS sequence) AS k
  ON d.stored_at = k.stored_at AND d.sequence = k.sequence
GROUP BY s.name, d.state;

-- name: ListOutbox :many
SELECT * FROM outbox WHERE id > @after ORDER BY id LIMIT @at_most;

-- name: ReplaysNaming :many
SELECT id FROM replays WHERE lower(request->>'learner') = @learner::text;

-- name: ForgetReplay :exec
UPDATE replays SET request = jsonb_set(request, '{learner}', to_jsonb(@learner::text)),
    state = CASE WHEN state IN ('running', 'paused', 'failed') THEN 'cancelled' ELSE state END,
    reason = CASE WHEN state IN ('running', 'paused', 'failed') THEN @reason::text ELSE reason END,
    finished_at = coalesce(finished_at, now()), lease_owner = NULL, lease_until = NULL
WHERE id = @id;

-- name: PendingOf :many
SELECT id, email, course_id, mode, retry, since, last_at FROM roster_pending WHERE email_key = @email_key ORDER BY id DESC;

-- name: OrdersOfWebhooks :many
SELECT DISTINCT source, order_id FROM webhooks
WHERE sequence = ANY(@sequences::bigint[]) AND received_at >= @since::timestamptz AND order_id <> '' ORDER BY 1, 2;
