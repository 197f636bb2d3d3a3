-- +goose Up
-- How far each stream of the log had come when it was last looked at. A stream that ends before that has lost its end.
CREATE TABLE log_marks (
    stream   text PRIMARY KEY,
    last     bigint NOT NULL, -- sequence
    seen_at  timestamptz NOT NULL
);

-- What streams have lost.
CREATE TABLE log_losses (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream   text NOT NULL,
    first    bigint NOT NULL, -- sequences
    last     bigint NOT NULL,
    since    timestamptz NOT NULL, -- what was lost was taken after this
    until    timestamptz NOT NULL, -- and before this
    unworked bigint NOT NULL, -- of WEBHOOKS: how many of them the ledger does not know
    found_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE log_losses;
DROP TABLE log_marks;
