-- name: ReadClock :one
SELECT clock_timestamp()::timestamptz AS at;

-- name: MendClock :one
SELECT mend_clock()::float8 AS seconds_back;
