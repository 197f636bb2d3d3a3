-- name: EnsureOrders :exec
INSERT INTO orders (source, id)
SELECT source, id FROM (SELECT unnest(@sources::text[]) AS source, unnest(@ids::text[]) AS id) AS k
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: LockOrders :many
SELECT orders.source, orders.id, orders.state FROM orders
JOIN (SELECT unnest(@sources::text[]) AS source, unnest(@ids::text[]) AS id) AS k ON orders.source = k.source AND orders.id = k.id
ORDER BY orders.source, orders.id
FOR UPDATE OF orders;

-- name: SaveOrder :batchexec
UPDATE orders SET name = @name, state = @state, updated_at = now() WHERE source = @source AND id = @id;

-- name: ListOrders :many
-- Orders in the order of their keys, for the audit.
SELECT source, id, state FROM orders
WHERE (source, id) > (@after_source::text, @after_id::text) ORDER BY source, id LIMIT @at_most;
