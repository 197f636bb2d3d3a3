-- name: KnownSKUs :many
SELECT * FROM skus WHERE sku = ANY(@skus::text[]) AND state <> '' AND checked_at >= @fresh::timestamptz;

-- name: WantSKUs :exec
-- Asks for SKUs that are not known, or no longer.
INSERT INTO skus (sku, next_attempt_at)
SELECT s, @now::timestamptz FROM unnest(@skus::text[]) AS s ORDER BY 1
ON CONFLICT (sku) DO UPDATE SET next_attempt_at = coalesce(skus.next_attempt_at, excluded.next_attempt_at);

-- name: ClaimSKUs :many
-- Takes SKUs to ask for; they fall due again at the time given, unless they are answered before.
UPDATE skus SET next_attempt_at = @again::timestamptz
WHERE sku IN (SELECT s.sku FROM skus s WHERE s.next_attempt_at <= @now::timestamptz ORDER BY s.next_attempt_at LIMIT @at_most::integer
              FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: AnswerSKU :exec
UPDATE skus SET state = @state, course = @course, reason = @reason, checked_at = @now::timestamptz, attempts = 0, next_attempt_at = NULL
WHERE sku = @sku;

-- name: PostponeSKU :exec
UPDATE skus SET attempts = attempts + 1, reason = @reason, next_attempt_at = @again::timestamptz WHERE sku = @sku;

-- name: OrdersToResolve :many
-- Orders with an enrolment that waits for a course that is known by now.
SELECT DISTINCT e.source, e.order_id FROM enrollments e JOIN skus ON skus.sku = e.sku
WHERE e.course = '' AND e.state = 'waiting' AND skus.state <> '' AND skus.next_attempt_at IS NULL
ORDER BY 1, 2 LIMIT @at_most;
