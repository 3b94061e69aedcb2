-- Stores raw events of a user as they are after the user was erased. Their keys stay, and their ids go.
--
-- Parameters, one element of each list for each event
--   organization_id                    integer
--   start, end                         timestamptz: when they were received, which says into which partitions to look
--   revisions, received, event_keys    bigint[], timestamptz[], bytea[]
--   user_ids                           text[]
--   details, properties                text[]: as JSON; NULL for none
UPDATE events AS e SET user_id = w.user_id, event_id = NULL, detail = w.detail::jsonb, properties = w.properties::jsonb
FROM unnest(:revisions::bigint[], :received::timestamptz[], :event_keys::bytea[], :user_ids::text[], :details::text[],
    :properties::text[]) AS w(revision, received_at, event_key, user_id, detail, properties)
WHERE e.organization_id = :organization_id AND e.received_at >= :start AND e.received_at <= :end
    AND e.revision = w.revision AND e.received_at = w.received_at AND e.event_key = w.event_key
