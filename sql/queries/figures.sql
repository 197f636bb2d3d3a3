-- name: WebhookFlow :many
SELECT date_bin(make_interval(secs => @step::float8), received_at, 'epoch'::timestamptz)::timestamptz AS at, state, count(*) AS rows
FROM webhooks WHERE received_at >= @since GROUP BY 1, 2 ORDER BY 1, 2;

-- name: EnrollmentFlow :many
SELECT date_bin(make_interval(secs => @step::float8), created_at, 'epoch'::timestamptz)::timestamptz AS at, state, count(*) AS rows
FROM enrollments WHERE created_at >= @since GROUP BY 1, 2 ORDER BY 1, 2;

-- name: CountParkedWebhooks :one
SELECT count(*) FROM webhooks WHERE state = 'parked';
