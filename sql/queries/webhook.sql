-- name: RecordWebhooks :batchexec
-- What a webhook came to stays done, whatever a later reading of it says.
INSERT INTO webhooks (received_at, sequence, id, source, topic, state, reason, order_id, order_name, notes)
VALUES (@received_at, @sequence, @id, @source, @topic, @state, @reason, @order_id, @order_name, @notes)
ON CONFLICT (received_at, sequence) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, order_id = excluded.order_id, order_name = excluded.order_name,
    notes = excluded.notes, updated_at = now()
WHERE webhooks.state <> 'done' OR excluded.state = 'done';

-- name: GetWebhook :one
SELECT * FROM webhooks WHERE id = @id ORDER BY received_at DESC, sequence DESC LIMIT 1;

-- name: NoteOnWebhooks :exec
UPDATE webhooks SET notes = notes || to_jsonb(@note::text), updated_at = now()
WHERE id = ANY(@ids::text[]) AND NOT notes @> to_jsonb(@note::text);

-- name: IgnoreWebhook :exec
UPDATE webhooks SET state = 'ignored', reason = @reason, updated_at = now() WHERE id = @id AND state = 'done';

-- name: ListSequences :many
-- The sequences of a window that the ledger knows.
SELECT DISTINCT sequence FROM webhooks WHERE sequence BETWEEN @first AND @last AND received_at >= @since ORDER BY sequence;

-- name: ListWebhooks :many
SELECT * FROM webhooks
WHERE (@state::text = '' OR state = @state) AND (@source::text = '' OR source = @source) AND (@topic::text = '' OR topic = @topic)
  AND (@order_key::text = '' OR order_id = @order_key OR order_name = @order_key)
  AND received_at >= @since::timestamptz AND received_at < @until::timestamptz
  AND (@before_id::text = '' OR (received_at, id) < (@before_time::timestamptz, @before_id))
ORDER BY received_at DESC, id DESC LIMIT @at_most;

-- name: KnownSequences :many
SELECT DISTINCT sequence FROM webhooks WHERE sequence = ANY(@sequences::bigint[]);
