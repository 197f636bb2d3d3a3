-- name: WebhookFlow :many
SELECT date_bin(make_interval(secs => @step::float8), received_at, 'epoch'::timestamptz)::timestamptz AS at, state, count(*) AS rows
FROM webhooks WHERE received_at >= @since GROUP BY 1, 2 ORDER BY 1, 2;

-- name: EnrollmentFlow :many
SELECT date_bin(make_interval(secs => @step::float8), created_at, 'epoch'::timestamptz)::timestamptz AS at, state, count(*) AS rows
FROM enrollments WHERE created_at >= @since GROUP BY 1, 2 ORDER BY 1, 2;

-- name: CountParkedWebhooks :one
SELECT count(*) FROM webhooks WHERE state = 'parked';

-- name: AddFlow :batchexec
INSERT INTO flow (at, kind, bucket, rows) VALUES (@at, @kind, @bucket, @rows)
ON CONFLICT (kind, at, bucket) DO UPDATE SET rows = flow.rows + excluded.rows;

-- name: RaiseFlow :batchexec
INSERT INTO flow (at, kind, bucket, rows) VALUES (@at, @kind, @bucket, @rows)
ON CONFLICT (kind, at, bucket) DO UPDATE SET rows = greatest(flow.rows, excluded.rows);

-- name: Flow :many
SELECT date_bin(make_interval(secs => @step::float8), at, 'epoch'::timestamptz)::timestamptz AS at, bucket,
    sum(rows)::bigint AS total, max(rows)::bigint AS highest
FROM flow WHERE kind = @kind AND at >= @since GROUP BY 1, 2 ORDER BY 1, 2;

-- name: ForgetFlow :execrows
DELETE FROM flow WHERE at < @before::timestamptz;

-- name: Backlog :one
SELECT (SELECT count(*) FROM enrollments WHERE state = 'waiting')::bigint AS enrollments, (SELECT count(*) FROM retries)::bigint AS deliveries;

-- name: ParkedBySubscription :many
-- The parked deliveries of each subscription, up to a limit in all.
SELECT s.name, count(*) AS rows FROM (
    SELECT subscription_id FROM deliveries WHERE state <> 'delivered' AND state = 'parked' LIMIT @at_most
) d JOIN subscriptions s ON s.id = d.subscription_id WHERE s.deleted_at IS NULL GROUP BY s.name ORDER BY rows DESC;
