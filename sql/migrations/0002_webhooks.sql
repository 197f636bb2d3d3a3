-- +goose Up
CREATE TABLE webhooks (
    received_at timestamptz NOT NULL, -- when the log took it
    sequence    bigint NOT NULL,      -- in the stream WEBHOOKS
    id          text NOT NULL,
    source      text NOT NULL,
    topic       text NOT NULL,
    state       text NOT NULL CHECK (state IN ('accepted', 'done', 'ignored', 'parked')),
    reason      text NOT NULL DEFAULT '',
    order_id    text NOT NULL DEFAULT '',
    order_name  text NOT NULL DEFAULT '',
    notes       jsonb NOT NULL DEFAULT '[]',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (received_at, sequence)
) PARTITION BY RANGE (received_at);

CREATE INDEX webhooks_id ON webhooks (id);
CREATE INDEX webhooks_sequence ON webhooks (sequence);
CREATE INDEX webhooks_newest ON webhooks (received_at DESC, id DESC);
CREATE INDEX webhooks_state ON webhooks (state, received_at DESC, id DESC);
CREATE INDEX webhooks_source ON webhooks (source, received_at DESC, id DESC);
CREATE INDEX webhooks_order ON webhooks (order_id, received_at DESC, id DESC);
CREATE INDEX webhooks_order_name ON webhooks (order_name, received_at DESC, id DESC) WHERE order_name <> '';

INSERT INTO partitioned_tables (name, step, keep, column_name) VALUES ('webhooks', 'week', '90 days', 'received_at');

-- +goose Down
DELETE FROM partitioned_tables WHERE name = 'webhooks';
DROP TABLE webhooks;
