-- Reads the events of some ids as they were at a revision, in the order of revisions, for a projection that makes anew
-- what it keeps of them.
--
-- Parameters
--   organization_id                    integer
--   ids                                text[]
--   first_at                           timestamptz: none of them occurred before it
--   until                              bigint: the revision
--
-- COLUMNS and CONDITION say what a projection needs of which events; ID is what the ids are of, STORED are all columns
-- that it may need.
SELECT revision, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM occurred_at) * 1000000)::bigint, event_key, event_type, :COLUMNS
FROM (
    SELECT revision, :STORED
    FROM events
    WHERE organization_id = :organization_id AND revision <= :until AND occurred_at >= :first_at
        AND occurred_at > '-infinity'
        AND received_at >= :first_at - interval '1 day' AND :ID = ANY(:ids::text[])
    UNION ALL
    SELECT replaced_revision AS revision, :STORED
    FROM replaced_events
    WHERE organization_id = :organization_id AND revision > :until AND replaced_revision <= :until
        AND occurred_at >= :first_at AND :ID = ANY(:ids::text[])
) AS e
WHERE (:CONDITION)
ORDER BY revision
