-- +goose Up
-- The processes that ask filters, so that a change can wait until each has it in force.
CREATE TABLE filter_services (
    id       text PRIMARY KEY,
    seen     bigint NOT NULL,   -- version of the filters that it has in force
    alive_at timestamptz NOT NULL DEFAULT now()
);

-- By an operator, whatever is declared.
ALTER TABLE filters ADD COLUMN paused boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE filters DROP COLUMN paused;
DROP TABLE filter_services;
