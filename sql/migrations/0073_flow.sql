-- +goose Up
-- What happened in each five minutes, for the charts of the overview. Processes add what they counted every few seconds; one
-- that is killed takes its last seconds with it, so charts may miss a little that the ledger has.
CREATE TABLE flow (
    at     timestamptz NOT NULL, -- when the five minutes begin
    kind   text NOT NULL,        -- deliveries, delivery_ms, lms, backlog
    bucket text NOT NULL,        -- what it came to, or the upper bound of a time
    rows   bigint NOT NULL,
    PRIMARY KEY (kind, at, bucket)
);

-- +goose Down
DROP TABLE flow;
