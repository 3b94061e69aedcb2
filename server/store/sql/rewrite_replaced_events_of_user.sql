-- Stores what events of a user were before they were replaced, as it is after the user was erased.
--
-- Parameters, one element of each list for each event
--   organization_id                    integer
--   user_id                            text: what is noted goes where it holds the id
--   revisions, event_keys              bigint[], bytea[]: of the revisions that have replaced them
--   user_ids                           text[]
--   details, properties                text[]: as JSON; NULL for none
UPDATE replaced_events AS e SET user_id = w.user_id, event_id = NULL, detail = w.detail::jsonb,
    properties = w.properties::jsonb,
    note = CASE WHEN position(lower(:user_id::text) IN lower(e.note)) > 0 THEN '' ELSE e.note END
FROM unnest(:revisions::bigint[], :event_keys::bytea[], :user_ids::text[], :details::text[], :properties::text[])
    AS w(revision, event_key, user_id, detail, properties)
WHERE e.organization_id = :organization_id AND e.event_key = w.event_key AND e.revision = w.revision
