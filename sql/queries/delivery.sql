-- name: CopyDeliveries :copyfrom
INSERT INTO deliveries (stored_at, subscription_id, sequence, event_id, event_type, state, attempts, last_at, last_ms,
    last_status, last_error, last_answer, next_attempt_at)
VALUES (@stored_at, @subscription_id, @sequence, @event_id, @event_type, @state, @attempts, @last_at, @last_ms,
    @last_status, @last_error, @last_answer, @next_attempt_at);

-- name: InsertDeliveries :exec
-- CopyDeliveries for a few: one trip to Postgres, where a copy takes five.
INSERT INTO deliveries (stored_at, subscription_id, sequence, event_id, event_type, state, attempts, last_at, last_ms,
    last_status, last_error, last_answer)
SELECT unnest(@stored_at::timestamptz[]), unnest(@subscriptions::bigint[]), unnest(@sequences::bigint[]), unnest(@event_ids::text[]),
    unnest(@event_types::text[]), unnest(@states::text[]), unnest(@numbers::integer[]), unnest(@at::timestamptz[]),
    unnest(@duration_ms::real[]), unnest(@statuses::integer[]), unnest(@errors::text[]), unnest(@answers::text[]);

-- name: RecordOutcomes :exec
-- A later attempt wins over an earlier one, whichever is written first. A delivery without a next attempt (one in the year
-- 1) waits no more. Softly, the commit waits for no disk.
WITH outcomes AS (
    SELECT unnest(@stored_at::timestamptz[]) AS stored_at, unnest(@subscriptions::bigint[]) AS subscription_id,
        unnest(@sequences::bigint[]) AS sequence, unnest(@event_ids::text[]) AS event_id, unnest(@event_types::text[]) AS event_type,
        unnest(@states::text[]) AS state, unnest(@numbers::integer[]) AS number, unnest(@counted::integer[]) AS counted,
        unnest(@at::timestamptz[]) AS at, unnest(@duration_ms::real[]) AS duration_ms, unnest(@statuses::integer[]) AS status,
        unnest(@errors::text[]) AS error, unnest(@answers::text[]) AS answer, unnest(@replays::text[]) AS replay,
        nullif(unnest(@next_attempt_at::timestamptz[]), '0001-01-01 00:00:00Z') AS next_attempt_at, unnest(@held::boolean[]) AS held
    WHERE (SELECT CASE WHEN @softly::boolean THEN set_config('synchronous_commit', 'off', true) = 'off' ELSE true END)
), delivery AS (
    INSERT INTO deliveries (stored_at, subscription_id, sequence, event_id, event_type, state, attempts, last_at, last_ms,
        last_status, last_error, last_answer, next_attempt_at)
    SELECT o.stored_at, o.subscription_id, o.sequence, o.event_id, o.event_type, o.state, o.number, o.at, o.duration_ms,
        o.status, o.error, o.answer, o.next_attempt_at FROM outcomes o
    ON CONFLICT (stored_at, subscription_id, sequence) DO UPDATE SET
        state = excluded.state, attempts = excluded.attempts, last_at = excluded.last_at, last_ms = excluded.last_ms,
        last_status = excluded.last_status, last_error = excluded.last_error, last_answer = excluded.last_answer,
        next_attempt_at = excluded.next_attempt_at
    WHERE deliveries.attempts < excluded.attempts
), attempt AS (
    INSERT INTO delivery_attempts (stored_at, subscription_id, sequence, number, at, duration_ms, status, error, answer, replay)
    SELECT o.stored_at, o.subscription_id, o.sequence, o.number, o.at, o.duration_ms, o.status, o.error, o.answer, o.replay FROM outcomes o
    ON CONFLICT (stored_at, subscription_id, sequence, number) DO NOTHING
), retry AS (
    INSERT INTO retries (subscription_id, sequence, stored_at, event_id, event_type, attempts, counted, next_attempt_at, held, replay)
    SELECT o.subscription_id, o.sequence, o.stored_at, o.event_id, o.event_type, o.number, o.counted, o.next_attempt_at, o.held, o.replay
    FROM outcomes o WHERE o.next_attempt_at IS NOT NULL
    ON CONFLICT (subscription_id, sequence, stored_at) DO UPDATE SET
        attempts = excluded.attempts, counted = excluded.counted, next_attempt_at = excluded.next_attempt_at, held = excluded.held
)
DELETE FROM retries r USING outcomes o
WHERE r.subscription_id = o.subscription_id AND r.sequence = o.sequence AND r.stored_at = o.stored_at AND o.next_attempt_at IS NULL;

-- name: ClaimRetries :many
-- What is due of one subscription, or is about to be, taken for the lease: should its process die, it becomes due again. The
-- commit waits for no disk.
UPDATE retries r SET next_attempt_at = now() + make_interval(secs => @lease_seconds::float8)
FROM (
    SELECT d.subscription_id, d.sequence, d.stored_at, d.next_attempt_at FROM retries d
    WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off' AND d.subscription_id = @subscription_id AND NOT d.held
      AND d.next_attempt_at <= now() + make_interval(secs => @ahead_seconds::float8)
    ORDER BY d.next_attempt_at LIMIT @at_most FOR UPDATE SKIP LOCKED
) due
WHERE r.subscription_id = due.subscription_id AND r.sequence = due.sequence AND r.stored_at = due.stored_at
RETURNING r.subscription_id, r.sequence, r.stored_at, r.event_id, r.event_type, r.attempts, r.counted, due.next_attempt_at, r.held,
    r.replay;

-- name: GiveBackRetry :exec
UPDATE retries SET next_attempt_at = now(), held = false
WHERE subscription_id = @subscription_id AND sequence = @sequence AND stored_at = @stored_at;

-- name: NextRetries :many
-- The time of the next attempt of each subscription that has any waiting.
SELECT s.id, n.next_attempt_at::timestamptz AS next_attempt_at
FROM subscriptions s CROSS JOIN LATERAL (
    SELECT r.next_attempt_at FROM retries r WHERE r.subscription_id = s.id AND NOT r.held ORDER BY r.next_attempt_at LIMIT 1
) n
WHERE s.deleted_at IS NULL;

-- name: GetRetry :one
SELECT * FROM retries WHERE subscription_id = @subscription_id AND sequence = @sequence AND stored_at = @stored_at;

-- name: DropRetries :exec
DELETE FROM retries WHERE subscription_id = @subscription_id;

-- name: GetDelivery :one
SELECT d.*, s.name FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
WHERE d.stored_at = @stored_at AND d.subscription_id = @subscription_id AND d.sequence = @sequence;

-- name: ListDeliveryAttempts :many
SELECT * FROM delivery_attempts
WHERE stored_at = @stored_at AND subscription_id = @subscription_id AND sequence = @sequence ORDER BY number;

-- name: ListDeliveries :many
-- The ceiling says again what the comparison of rows says, in a way that every index understands.
SELECT d.*, s.name FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
WHERE (@state::text = '' OR d.state = @state) AND (NOT @undelivered::boolean OR d.state <> 'delivered')
  AND (@subscription_id::bigint = 0 OR d.subscription_id = @subscription_id) AND (@event_id::text = '' OR d.event_id = @event_id)
  AND (@event_type::text = '' OR d.event_type = @event_type)
  AND d.stored_at >= @since::timestamptz AND d.stored_at < @until::timestamptz AND d.stored_at <= @ceiling::timestamptz
  AND (@before_sequence::bigint = 0 OR (d.stored_at, d.subscription_id, d.sequence) < (@before_time::timestamptz, @before_subscription::bigint, @before_sequence::bigint))
ORDER BY d.stored_at DESC, d.subscription_id DESC, d.sequence DESC LIMIT @at_most;

-- name: SubscriptionIDs :many
-- All that ever had the name, the removed ones too.
SELECT id FROM subscriptions WHERE name = @name;

-- name: RequeueDelivery :execrows
UPDATE deliveries SET state = 'waiting', next_attempt_at = now()
WHERE stored_at = @stored_at AND subscription_id = @subscription_id AND sequence = @sequence;

-- name: RequeueRetry :exec
INSERT INTO retries (subscription_id, sequence, stored_at, event_id, event_type, attempts, counted, next_attempt_at, held, replay)
SELECT d.subscription_id, d.sequence, d.stored_at, d.event_id, d.event_type, d.attempts, 0, now(), false, @replay::text
FROM deliveries d WHERE d.stored_at = @stored_at AND d.subscription_id = @subscription_id AND d.sequence = @sequence
ON CONFLICT (subscription_id, sequence, stored_at) DO UPDATE SET next_attempt_at = now(), counted = 0, replay = excluded.replay;

-- name: StageDeliveries :exec
-- A replay asks for events that the subscriptions may never have got. Each is due some time after the one before. A delivery
-- that succeeded at once has its attempt on its own row only, which the next attempt overwrites: it is kept. The commit
-- waits for no disk.
WITH asked AS (
    SELECT unnest(@stored_at::timestamptz[]) AS stored_at, unnest(@subscriptions::bigint[]) AS subscription_id,
        unnest(@sequences::bigint[]) AS sequence, unnest(@event_ids::text[]) AS event_id, unnest(@event_types::text[]) AS event_type,
        now() + make_interval(secs => @lead_seconds::float8)
            + generate_subscripts(@sequences::bigint[], 1) * make_interval(secs => @step_seconds::float8) AS due_at
    WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
), staged AS (
    INSERT INTO deliveries (stored_at, subscription_id, sequence, event_id, event_type, state, attempts, last_at, last_ms,
        last_status, last_error, last_answer, next_attempt_at)
    SELECT a.stored_at, a.subscription_id, a.sequence, a.event_id, a.event_type, 'waiting', 0, NULL, 0, 0, '', '', a.due_at FROM asked a
    ON CONFLICT (stored_at, subscription_id, sequence) DO UPDATE SET state = 'waiting', next_attempt_at = excluded.next_attempt_at
    RETURNING *
), kept AS (
    INSERT INTO delivery_attempts (stored_at, subscription_id, sequence, number, at, duration_ms, status, error, answer, replay)
    SELECT s.stored_at, s.subscription_id, s.sequence, s.attempts, s.last_at, s.last_ms, s.last_status, s.last_error, s.last_answer, ''
    FROM staged s WHERE s.attempts >= 1 AND s.last_at IS NOT NULL
    ON CONFLICT (stored_at, subscription_id, sequence, number) DO NOTHING
)
INSERT INTO retries (subscription_id, sequence, stored_at, event_id, event_type, attempts, counted, next_attempt_at, held, replay)
SELECT s.subscription_id, s.sequence, s.stored_at, s.event_id, s.event_type, s.attempts, 0, s.next_attempt_at, false, @replay::text FROM staged s
ON CONFLICT (subscription_id, sequence, stored_at) DO UPDATE
SET next_attempt_at = excluded.next_attempt_at, counted = 0, replay = excluded.replay;

-- name: CountDeliveries :many
SELECT d.subscription_id, s.name, d.state, count(*) AS rows FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
GROUP BY d.subscription_id, s.name, d.state;

-- name: DeliverySequences :many
-- The sequences of a window that the ledger has for a subscription.
SELECT sequence FROM deliveries
WHERE subscription_id = @subscription_id AND sequence BETWEEN @first AND @last AND stored_at >= @since ORDER BY sequence;

-- name: KeepLastAttempt :exec
-- What StageDeliveries keeps, of one delivery.
INSERT INTO delivery_attempts (stored_at, subscription_id, sequence, number, at, duration_ms, status, error, answer, replay)
SELECT d.stored_at, d.subscription_id, d.sequence, d.attempts, d.last_at, d.last_ms, d.last_status, d.last_error, d.last_answer, ''
FROM deliveries d
WHERE d.stored_at = @stored_at AND d.subscription_id = @subscription_id AND d.sequence = @sequence
  AND d.attempts >= 1 AND d.last_at IS NOT NULL
ON CONFLICT (stored_at, subscription_id, sequence, number) DO NOTHING;

-- name: ParkRemoved :exec
-- What waited for a subscription that is removed will not be tried again.
UPDATE deliveries SET state = 'parked', last_error = 'the subscription was removed', next_attempt_at = NULL
WHERE subscription_id = @subscription_id AND state = 'waiting';
