-- +goose Up
-- What the ledger's clock said last, so that a clock that went back is noticed, and what is still to be done about it.
CREATE TABLE ledger_clock (
    sole    boolean PRIMARY KEY DEFAULT true CHECK (sole),
    last    timestamptz NOT NULL,
    back    interval NOT NULL DEFAULT '0',
    mend_at timestamptz
);
INSERT INTO ledger_clock (last) VALUES (clock_timestamp());

-- +goose StatementBegin
-- mend_clock moves all that waits for a time when the clock went back, so that nothing waits much longer than it was told
-- to. It gives by how many seconds it moved things, 0 mostly. Call it every few seconds: a jump is known only from what
-- was read last. What processes date by their own reading of this clock is moved some seconds later, when all have read
-- it anew; what comes within a minute anyway stays.
CREATE FUNCTION mend_clock() RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    clock ledger_clock%ROWTYPE;
    here  timestamptz;
    jump  interval;
    soon  timestamptz;
BEGIN
    SELECT * INTO clock FROM ledger_clock FOR UPDATE;
    here := clock_timestamp();
    jump := clock.last - here;
    IF jump > interval '5 seconds' THEN
        UPDATE lms_calls SET at = at - jump WHERE at > here;
        UPDATE lms_gate SET blocked_until = blocked_until - jump WHERE blocked_until > here;
        UPDATE enroller_status SET seen_at = seen_at - jump WHERE seen_at > here;
        UPDATE notifiers SET alive_at = alive_at - jump WHERE alive_at > here;
        UPDATE replays SET lease_until = lease_until - jump WHERE lease_until > here;
        UPDATE ledger_clock SET last = here, back = clock.back + jump, mend_at = here + interval '4 seconds';
        RETURN 0;
    END IF;
    UPDATE ledger_clock SET last = here;
    IF clock.mend_at IS NULL OR here < clock.mend_at THEN
        RETURN 0;
    END IF;
    soon := here + interval '1 minute';
    -- A row that is locked is being settled, and gets a time of the new clock.
    UPDATE enrollments SET
        next_attempt_at = CASE WHEN next_attempt_at > soon THEN next_attempt_at - clock.back ELSE next_attempt_at END,
        lease_until = CASE WHEN lease_until > soon THEN lease_until - clock.back ELSE lease_until END
    WHERE id IN (SELECT e.id FROM enrollments e WHERE e.next_attempt_at > soon OR e.lease_until > soon ORDER BY e.id FOR UPDATE SKIP LOCKED);
    UPDATE skus SET next_attempt_at = next_attempt_at - clock.back WHERE next_attempt_at > soon;
    UPDATE skus SET checked_at = here WHERE checked_at > here;
    UPDATE retries SET next_attempt_at = next_attempt_at - clock.back
    WHERE (subscription_id, sequence, stored_at) IN
          (SELECT r.subscription_id, r.sequence, r.stored_at FROM retries r WHERE r.next_attempt_at > soon FOR UPDATE SKIP LOCKED);
    UPDATE deliveries d SET next_attempt_at = r.next_attempt_at FROM retries r
    WHERE d.subscription_id = r.subscription_id AND d.sequence = r.sequence AND d.stored_at = r.stored_at AND d.next_attempt_at > r.next_attempt_at;
    UPDATE ledger_clock SET back = '0', mend_at = NULL;
    RETURN extract(epoch FROM clock.back);
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION mend_clock();
DROP TABLE ledger_clock;
