-- +goose Up
-- What requests with an Idempotency-Key came to, for a day. The answer is encrypted with a key made of the caller's token
-- and the Idempotency-Key, because it may hold a secret that is shown once.
CREATE TABLE idempotency_keys (
    id          bytea PRIMARY KEY, -- digest of the caller's token and the Idempotency-Key
    request     bytea NOT NULL,    -- digest of the method, the address and the body
    owner       text NOT NULL,     -- who works it, while status is 0
    lease_until timestamptz NOT NULL,
    status      integer NOT NULL DEFAULT 0,
    media       text NOT NULL DEFAULT '',
    answer      bytea NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
