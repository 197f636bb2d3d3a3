-- Orders and enrolments say who holds which course and why; a refund may come after years, so they are kept.

-- +goose Up
CREATE TABLE orders (
    source     text NOT NULL,
    id         text NOT NULL,
    name       text NOT NULL DEFAULT '',
    state      jsonb NOT NULL DEFAULT '{}', -- relay.OrderState
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);

CREATE TABLE enrollments (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id      text NOT NULL,
    source          text NOT NULL,
    order_id        text NOT NULL,
    learner         text NOT NULL,
    learner_key     text NOT NULL, -- the address in lower case
    sku             text NOT NULL,
    course          text NOT NULL, -- empty until the SKU is resolved
    action          text NOT NULL CHECK (action IN ('enroll', 'unenroll')),
    state           text NOT NULL CHECK (state IN ('waiting', 'enrolled', 'allowed', 'unenrolled', 'parked')),
    reason          text NOT NULL,
    attempts        integer NOT NULL,
    next_attempt_at timestamptz, -- set exactly while the state is waiting
    direct          boolean NOT NULL,
    mail_due        boolean NOT NULL,
    mailed          boolean NOT NULL,
    unsure          boolean NOT NULL,
    touched         boolean NOT NULL,
    in_flight       boolean NOT NULL,
    account         boolean NOT NULL,
    group_limit     integer NOT NULL,
    fails           integer NOT NULL,
    first_failed_at timestamptz,
    generation      integer NOT NULL,
    told            text NOT NULL,
    told_version    integer NOT NULL,
    notes           jsonb NOT NULL,
    lease_owner     text,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL))
);

CREATE UNIQUE INDEX enrollments_line ON enrollments (source, order_id, learner_key, course) WHERE course <> '';
CREATE UNIQUE INDEX enrollments_unresolved ON enrollments (source, order_id, learner_key, sku) WHERE course = '';
CREATE INDEX enrollments_order ON enrollments (order_id, id DESC);
CREATE INDEX enrollments_learner ON enrollments (learner_key, course, id DESC);
CREATE INDEX enrollments_course ON enrollments (course, id DESC);
CREATE INDEX enrollments_state ON enrollments (state, id DESC);
CREATE INDEX enrollments_source ON enrollments (source, id DESC);
CREATE INDEX enrollments_webhook ON enrollments (webhook_id);
CREATE INDEX enrollments_sku ON enrollments (sku) WHERE course = '';
CREATE INDEX enrollments_due ON enrollments (course, next_attempt_at) WHERE state = 'waiting' AND course <> '' AND lease_until IS NULL;
CREATE INDEX enrollments_direct ON enrollments (next_attempt_at) WHERE state = 'waiting' AND direct AND lease_until IS NULL;
CREATE INDEX enrollments_lease ON enrollments (lease_until) WHERE lease_until IS NOT NULL;

-- What the LMS answered to each attempt, for people.
CREATE TABLE enrollment_attempts (
    at            timestamptz NOT NULL,
    enrollment_id bigint NOT NULL,
    call          text NOT NULL,    -- what was asked: enroll, unenroll, look
    status        integer NOT NULL, -- HTTP status; 0 when there was no answer
    outcome       text NOT NULL
) PARTITION BY RANGE (at);

CREATE INDEX enrollment_attempts_enrollment ON enrollment_attempts (enrollment_id, at DESC);

INSERT INTO partitioned_tables (name, step, keep, column_name) VALUES ('enrollment_attempts', 'week', '90 days', 'at');

-- Changes of state that are not on the log yet.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup_id   text NOT NULL UNIQUE,
    event_type text NOT NULL,
    about      text NOT NULL,
    at         timestamptz NOT NULL,
    body       bytea NOT NULL
);

-- +goose Down
DROP TABLE outbox;
DELETE FROM partitioned_tables WHERE name = 'enrollment_attempts';
DROP TABLE enrollment_attempts;
DROP TABLE enrollments;
DROP TABLE orders;
