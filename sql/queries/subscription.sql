-- name: LockSubscriptions :exec
-- Changes take turns, so that versions become visible in their order.
SELECT pg_advisory_xact_lock(hashtext('edrelay subscriptions'));

-- name: ListSubscriptions :many
SELECT * FROM subscriptions WHERE deleted_at IS NULL ORDER BY id DESC;

-- name: GetSubscription :one
SELECT * FROM subscriptions WHERE name = @name AND deleted_at IS NULL;

-- name: InsertSubscription :one
INSERT INTO subscriptions (name, url, definition, sealed, declared, paused, disabled, consumer, start_sequence, version)
VALUES (@name, @url, @definition, @sealed, @declared, @paused, @disabled, @consumer, @start_sequence, nextval('subscription_version'))
RETURNING id, version, created_at;

-- name: UpdateSubscription :one
UPDATE subscriptions SET url = @url, definition = @definition, sealed = @sealed, declared = @declared, paused = @paused,
    disabled = @disabled, start_sequence = @start_sequence, version = nextval('subscription_version'), updated_at = now()
WHERE id = @id AND deleted_at IS NULL
RETURNING version;

-- name: DeleteSubscription :one
UPDATE subscriptions SET deleted_at = now(), version = nextval('subscription_version'), sealed = '', declared = NULL
WHERE id = @id AND deleted_at IS NULL
RETURNING version;

-- name: SetHealth :exec
UPDATE subscriptions SET failures = @failures, failing_since = sqlc.narg('failing_since'), announced = @announced, reason = @reason
WHERE id = @id;

-- name: SetBreaker :exec
UPDATE subscriptions SET breaker_until = sqlc.narg('breaker_until'), breaker_wait_ms = @breaker_wait_ms WHERE id = @id;

-- name: DisableSubscription :execrows
UPDATE subscriptions SET disabled = true, reason = @reason, version = nextval('subscription_version'), updated_at = now()
WHERE id = @id AND NOT disabled AND deleted_at IS NULL;

-- name: SubscriptionVersion :one
SELECT coalesce(max(version), 0)::bigint FROM subscriptions;

-- name: BeatNotifier :exec
INSERT INTO notifiers (id, seen, alive_at) VALUES (@id, @seen, now())
ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, alive_at = now();

-- name: AliveNotifiers :many
SELECT id FROM notifiers WHERE alive_at > now() - make_interval(secs => @seconds::float8) ORDER BY id;

-- name: ForgetNotifiers :exec
DELETE FROM notifiers WHERE id = @id OR alive_at < now() - interval '1 hour';

-- name: BehindNotifiers :one
-- How many of those alive do not have the version in force yet.
SELECT count(*) FROM notifiers WHERE alive_at > now() - make_interval(secs => @seconds::float8) AND seen < @version;
