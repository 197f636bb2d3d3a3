-- +goose Up
-- edrelay's own record of people, course runs and who is in which. email_key is the address in lower case.
CREATE TABLE people (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email_key text NOT NULL UNIQUE,
    email     text NOT NULL,
    username  text NOT NULL,
    name      text NOT NULL,
    seen_at   timestamptz NOT NULL -- the time of what was last heard of the person; older news change nothing
);
CREATE INDEX people_username ON people (username) WHERE username <> '';

CREATE TABLE course_runs (
    course_id text PRIMARY KEY,
    title     text NOT NULL,
    starts_at timestamptz,
    seen_at   timestamptz NOT NULL
);

CREATE TABLE roster_enrollments (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id  bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    course_id  text NOT NULL REFERENCES course_runs ON DELETE CASCADE,
    mode       text NOT NULL,
    role       text NOT NULL,
    source     text NOT NULL,
    active     boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (person_id, course_id)
);
CREATE INDEX roster_enrollments_course ON roster_enrollments (course_id);

-- Requests for a person or course run that the roster does not know yet.
CREATE TABLE roster_pending (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email_key text NOT NULL,
    email     text NOT NULL,
    course_id text NOT NULL,
    mode      text NOT NULL,
    role      text NOT NULL,
    source    text NOT NULL,
    retry     boolean NOT NULL, -- enrol when both are known; else the operator sees it only
    since     timestamptz NOT NULL DEFAULT now(),
    last_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (email_key, course_id)
);
CREATE INDEX roster_pending_course ON roster_pending (course_id);

-- +goose Down
DROP TABLE roster_pending;
DROP TABLE roster_enrollments;
DROP TABLE course_runs;
DROP TABLE people;
