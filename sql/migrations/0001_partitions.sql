-- Tables that grow with traffic are partitioned by time. Each is registered here by the migration that makes it;
-- maintain_partitions makes the partitions to come and drops those that are past keeping.

-- +goose Up
CREATE TABLE partitioned_tables (
    name   text PRIMARY KEY,
    step   text NOT NULL CHECK (step IN ('day', 'week', 'month')),
    keep   interval NOT NULL,
    column_name text NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION maintain_partitions(at timestamptz) RETURNS integer
LANGUAGE plpgsql SET timezone TO 'UTC' AS $$
DECLARE
    entry   partitioned_tables%ROWTYPE;
    step    interval;
    slot    timestamptz;
    part    text;
    changed integer := 0;
    old     record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('edrelay partitions'));
    FOR entry IN SELECT * FROM partitioned_tables ORDER BY name LOOP
        step := ('1 ' || entry.step)::interval;
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I DEFAULT', entry.name || '_rest', entry.name);
        slot := date_trunc(entry.step, at - entry.keep);
        WHILE slot <= at + 2 * step LOOP
            part := entry.name || '_' || to_char(slot, 'YYYYMMDD');
            IF to_regclass(format('%I', part)) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', part, entry.name, slot, slot + step);
                    changed := changed + 1;
                EXCEPTION WHEN check_violation THEN
                    NULL; -- rows of that time stand in the rest already and stay there
                END;
            END IF;
            slot := slot + step;
        END LOOP;
        FOR old IN
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = to_regclass(format('%I', entry.name)) AND c.relname ~ '_[0-9]{8}$'
              AND to_timestamp(right(c.relname, 8), 'YYYYMMDD') + step <= at - entry.keep
        LOOP
            EXECUTE format('DROP TABLE %I', old.relname);
            changed := changed + 1;
        END LOOP;
        EXECUTE format('DELETE FROM %I WHERE %I < %L', entry.name || '_rest', entry.column_name, at - entry.keep);
    END LOOP;
    RETURN changed;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION maintain_partitions(timestamptz);
DROP TABLE partitioned_tables;
