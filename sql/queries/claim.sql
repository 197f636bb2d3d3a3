-- name: LockClaims :exec
-- One claim at a time in a deployment, so that no learner of a course is asked for twice at once.
SELECT pg_advisory_xact_lock(hashtext('edrelay claim'));

-- name: RecoverLeases :execrows
-- Rows whose process died in a call: nobody knows what the LMS did.
UPDATE enrollments SET
    unsure = unsure OR (in_flight AND action = 'enroll'),
    mailed = mailed OR (in_flight AND mail_due AND action = 'enroll'),
    mail_due = mail_due AND NOT (in_flight AND action = 'enroll'),
    touched = touched OR in_flight,
    in_flight = false, lease_owner = NULL, lease_until = NULL, updated_at = now()
WHERE id IN (SELECT e.id FROM enrollments e WHERE e.lease_until < @now::timestamptz ORDER BY e.id FOR UPDATE SKIP LOCKED);

-- name: DueGroups :many
-- For each course with rows due, how many of each kind are due, counted up to a limit: a course with a million rows
-- costs no more than one with a hundred, and hides no other.
WITH RECURSIVE courses AS (
    (SELECT course FROM enrollments WHERE state = 'waiting' AND course <> '' AND lease_until IS NULL ORDER BY course LIMIT 1)
    UNION ALL
    SELECT (SELECT e.course FROM enrollments e
            WHERE e.state = 'waiting' AND e.course <> '' AND e.lease_until IS NULL AND e.course > courses.course ORDER BY e.course LIMIT 1)
    FROM courses WHERE courses.course IS NOT NULL
)
SELECT d.course, d.action, d.mail_due, d.unsure, d.direct, (d.fails > 0)::boolean AS retry, d.group_limit,
       count(*)::integer AS rows, min(d.next_attempt_at)::timestamptz AS oldest
FROM courses, LATERAL (
    SELECT e.course, e.action, e.mail_due, e.unsure, e.direct, e.fails, e.group_limit, e.next_attempt_at FROM enrollments e
    WHERE e.course = courses.course AND e.state = 'waiting' AND e.lease_until IS NULL AND e.next_attempt_at <= @now::timestamptz
    ORDER BY e.next_attempt_at LIMIT @at_most::integer
) d
WHERE courses.course IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- name: ClaimGroup :many
-- Takes rows of one group for one call, leaving out learners of the course whose other row is in a call.
UPDATE enrollments SET
    lease_owner = @owner::text, lease_until = @until::timestamptz, in_flight = true, updated_at = now()
WHERE id IN (
    SELECT e.id FROM enrollments e
    WHERE e.course = @course AND e.state = 'waiting' AND e.lease_until IS NULL AND e.next_attempt_at <= @now::timestamptz
      AND e.action = @action AND e.mail_due = @mail_due AND e.unsure = @unsure AND e.direct = @direct
      AND (e.fails > 0) = @retry::boolean AND e.group_limit = @group_limit
      AND NOT EXISTS (SELECT 1 FROM enrollments o
                      WHERE o.learner_key = e.learner_key AND o.course = e.course AND o.lease_until IS NOT NULL)
    ORDER BY e.next_attempt_at, e.id LIMIT @at_most::integer
    FOR UPDATE SKIP LOCKED
)
RETURNING *;

-- name: RenewLeases :many
-- Keeps what the owner has in flight and says what that is. Rows that are being changed at this moment are kept next time.
UPDATE enrollments SET lease_until = @until::timestamptz
WHERE id IN (SELECT e.id FROM enrollments e WHERE e.id = ANY(@ids::bigint[]) AND e.lease_owner = @owner::text ORDER BY e.id FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: LeasedBy :many
SELECT id FROM enrollments WHERE id = ANY(@ids::bigint[]) AND lease_owner = @owner::text AND lease_until > @now::timestamptz;
