-- +goose Up
-- What lists of deliveries are chosen by. Deliveries are written at a high rate, so each is the cheapest that does: one that
-- grows at its end for each subscription, one whose equal keys share their entries, and one of hashes.
CREATE INDEX deliveries_subscription ON deliveries (subscription_id, stored_at, sequence);
CREATE INDEX deliveries_type ON deliveries (event_type);
CREATE INDEX deliveries_event ON deliveries USING hash (event_id);

-- +goose Down
DROP INDEX deliveries_event;
DROP INDEX deliveries_type;
DROP INDEX deliveries_subscription;
