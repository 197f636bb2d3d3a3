-- name: OldestWaiting :one
-- When the enrolment that waits longest was asked for; the epoch when none waits.
SELECT coalesce((SELECT e.created_at FROM enrollments e WHERE e.state = 'waiting' ORDER BY e.id LIMIT 1), 'epoch')::timestamptz AS at;

-- name: OutboxStanding :one
SELECT count(*) AS waiting, coalesce(min(at), 'epoch')::timestamptz AS oldest FROM outbox;

-- name: RetriesStanding :many
-- Deliveries that wait for their next attempt, by subscription, and when the first was due of those that somebody works;
-- the epoch where nobody does.
SELECT s.name, count(*) AS waiting,
    coalesce(min(r.next_attempt_at) FILTER (WHERE NOT r.held AND NOT s.paused AND NOT s.disabled), 'epoch')::timestamptz AS next
FROM retries r JOIN subscriptions s ON s.id = r.subscription_id
WHERE s.deleted_at IS NULL GROUP BY s.name;

-- name: CountParkedDeliveries :one
SELECT count(*) FROM deliveries WHERE state = 'parked';

-- name: CountReplaysUnderWay :many
SELECT state, count(*) AS replays FROM replays WHERE state IN ('running', 'paused') GROUP BY state;
