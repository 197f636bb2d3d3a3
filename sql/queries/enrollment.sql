-- name: EnrollmentsOfOrders :many
SELECT enrollments.* FROM enrollments
JOIN (SELECT unnest(@sources::text[]) AS source, unnest(@ids::text[]) AS id) AS k
  ON enrollments.source = k.source AND enrollments.order_id = k.id
ORDER BY enrollments.id
FOR UPDATE OF enrollments;

-- name: InsertEnrollment :batchone
INSERT INTO enrollments (
    webhook_id, source, order_id, learner, learner_key, sku, course, action, state, reason, attempts, next_attempt_at,
    direct, mail_due, mailed, unsure, touched, in_flight, account, group_limit, fails, first_failed_at, generation,
    told, told_version, notes, trace)
VALUES (
    @webhook_id, @source, @order_id, @learner, @learner_key, @sku, @course, @action, @state, @reason, @attempts, @next_attempt_at,
    @direct, @mail_due, @mailed, @unsure, @touched, @in_flight, @account, @group_limit, @fails, @first_failed_at, @generation,
    @told, @told_version, @notes, @trace)
RETURNING id;

-- name: UpdateEnrollment :batchexec
UPDATE enrollments SET
    webhook_id = @webhook_id, learner = @learner, learner_key = @learner_key, sku = @sku, course = @course, action = @action, state = @state, reason = @reason,
    attempts = @attempts, next_attempt_at = @next_attempt_at, direct = @direct, mail_due = @mail_due, mailed = @mailed,
    unsure = @unsure, touched = @touched, in_flight = @in_flight, account = @account, group_limit = @group_limit,
    fails = @fails, first_failed_at = @first_failed_at, generation = @generation, told = @told, told_version = @told_version,
    notes = @notes, trace = @trace, updated_at = now(),
    lease_owner = CASE WHEN @in_flight::boolean THEN lease_owner END,
    lease_until = CASE WHEN @in_flight::boolean THEN lease_until END
WHERE id = @id;

-- name: DeleteEnrollments :exec
DELETE FROM enrollments WHERE id = ANY(@ids::bigint[]);

-- name: GetEnrollment :one
SELECT * FROM enrollments WHERE id = @id;

-- name: LockEnrollments :many
SELECT * FROM enrollments WHERE id = ANY(@ids::bigint[]) ORDER BY id FOR UPDATE;

-- name: LockLeased :many
SELECT * FROM enrollments WHERE id = ANY(@ids::bigint[]) AND lease_owner = @owner::text ORDER BY id FOR UPDATE;

-- name: ListAfter :many
-- Rows in the order of their ids, for the audit.
SELECT * FROM enrollments WHERE id > @after ORDER BY id LIMIT @at_most;

-- name: CountEnrollments :many
SELECT state, count(*) AS rows, coalesce(min(next_attempt_at), 'epoch')::timestamptz AS oldest FROM enrollments GROUP BY state;

-- name: CountReasons :many
SELECT state, reason, count(*) AS rows FROM enrollments WHERE state IN ('waiting', 'parked') AND reason <> ''
GROUP BY state, reason ORDER BY rows DESC LIMIT 50;

-- name: RecordAttempts :copyfrom
INSERT INTO enrollment_attempts (at, enrollment_id, call, status, outcome) VALUES (@at, @enrollment_id, @call, @status, @outcome);

-- name: ListAttempts :many
SELECT at, call, status, outcome FROM enrollment_attempts WHERE enrollment_id = @enrollment_id ORDER BY at DESC LIMIT @at_most;

-- name: HandOver :many
-- Of the learners given, those whom another enrolment keeps, or will put, in the course. What stands in the LMS is that
-- enrolment's to undo from now on.
UPDATE enrollments SET touched = true
WHERE id IN (
    SELECT e.id FROM enrollments e
    JOIN (SELECT unnest(@learners::text[]) AS learner, unnest(@courses::text[]) AS course) AS k
      ON e.learner_key = k.learner AND e.course = k.course
    WHERE e.action = 'enroll' AND e.state IN ('waiting', 'enrolled', 'allowed')
    ORDER BY e.id FOR UPDATE OF e
)
RETURNING learner_key, course;

-- name: ListEnrollments :many
SELECT * FROM enrollments
WHERE (@state::text = '' OR state = @state) AND (@source::text = '' OR source = @source)
  AND (@order_key::text = '' OR order_id = @order_key) AND (@learner_key::text = '' OR learner_key = @learner_key)
  AND (@course::text = '' OR course = @course) AND (@webhook_id::text = '' OR webhook_id = @webhook_id)
  AND (@reason::text = '' OR reason = @reason)
  AND (@before_id::bigint = 0 OR id < @before_id)
ORDER BY id DESC LIMIT @at_most;

-- name: EnrollmentsOfOrder :many
SELECT * FROM enrollments WHERE source = @source AND order_id = @order_id ORDER BY id;
