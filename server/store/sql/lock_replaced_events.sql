-- Locks raw events that are replaced until COMMIT, once whoever changes them has committed.
--
-- Parameters
--   organization_id                    integer
--   revisions                          bigint[]: those under which the events are stored
--   keys                               bytea[]: the events
--   first_at, last_at                  timestamptz: between which they were received
SELECT FROM events
WHERE organization_id = :organization_id AND revision = ANY(:revisions::bigint[])
    AND received_at >= :first_at AND received_at <= :last_at AND event_key = ANY(:keys::bytea[])
FOR UPDATE
