-- Reads events after a revision, in the order of revisions, for a projection that follows them.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the last one that is not wanted
--   revised_at                         timestamptz: the time of that revision; no later one was received before it
--   until                              bigint: the last revision that is wanted
--   limit                              bigint: how many events at most
--
-- COLUMNS and CONDITION say what a projection needs of which events.
SELECT revision, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM occurred_at) * 1000000)::bigint, event_key, event_type, :COLUMNS
FROM events
WHERE organization_id = :organization_id AND revision > :revision AND revision <= :until
    AND received_at >= :revised_at AND :CONDITION
ORDER BY revision
LIMIT :limit
