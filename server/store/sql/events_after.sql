-- Reads events after a revision, in the order of revisions, for a projection that follows them. With them come events
-- that have been replaced since, as they were, each with the revision that has replaced it: what a projection takes in
-- does not depend on when it does so.
--
-- It looks at a bounded number of events, whether the projection follows them or not. The last one that it may look at
-- is returned whatever it is, without a type: there may be more behind it.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the last one that is not wanted
--   revised_at                         timestamptz: a time before which no later one was received
--   until                              bigint: the last revision that is wanted
--   limit                              bigint: how many events at most
--   looked_at                          bigint: at how many it looks at most
--
-- COLUMNS and CONDITION say what a projection needs of which events; STORED are all columns that it may need.
SELECT replaced_by, revision, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM occurred_at) * 1000000)::bigint, event_key,
    CASE WHEN place < :looked_at THEN event_type END, :COLUMNS
FROM (
    SELECT *, row_number() OVER (ORDER BY revision) AS place
    FROM (
        SELECT NULL::bigint AS replaced_by, revision, :STORED
        FROM events
        WHERE organization_id = :organization_id AND revision > :revision AND revision <= :until
            AND received_at >= :revised_at
        UNION ALL
        SELECT revision AS replaced_by, replaced_revision AS revision, :STORED
        FROM replaced_events
        WHERE organization_id = :organization_id AND replaced_revision > :revision AND replaced_revision <= :until
    ) AS every
    ORDER BY revision
    LIMIT :looked_at
) AS e
WHERE place = :looked_at OR (:CONDITION)
ORDER BY revision
LIMIT :limit
