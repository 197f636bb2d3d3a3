-- +goose Up
-- Rows of one time stand together, so a block range index is enough for counting by time.
CREATE INDEX enrollments_created ON enrollments USING brin (created_at);

-- +goose Down
DROP INDEX enrollments_created;
