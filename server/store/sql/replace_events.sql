-- Keeps what raw events were before a revision replaced them; remove_replaced_events.sql removes them then.
--
-- Parameters
--   organization_id                    integer
--   revisions                          bigint[]: those under which the events are stored
--   keys                               bytea[]: the events
--   first_at, last_at                  timestamptz: between which they were received
--   revision                           bigint: the one that replaces them
--   at                                 timestamptz: its time
--   is_retracted                       boolean: whether nothing takes their place
--   note, key_id                       text: why, and with whose key
--
-- COLUMNS are those that both tables have, beside the organization.
INSERT INTO replaced_events (
    organization_id, revision, replaced_at, replaced_revision, is_retracted, note, key_id, :COLUMNS
)
SELECT organization_id, :revision::bigint, :at::timestamptz, revision, :is_retracted::boolean, :note::text,
    :key_id::text, :COLUMNS
FROM events
WHERE organization_id = :organization_id AND revision = ANY(:revisions::bigint[])
    AND received_at >= :first_at AND received_at <= :last_at AND event_key = ANY(:keys::bytea[])
