-- Reads the updates after a revision, in order, until they have as many events as are wanted.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the revision after which to begin
--   limit                              bigint: how many updates to read at most
--   events                             bigint: an update is left out where those before it have that many already
SELECT revision, created_at, changes
FROM (
    SELECT revision, created_at, changes, sum(events) OVER (ORDER BY revision) - events AS before
    FROM (
        SELECT * FROM updates
        WHERE organization_id = :organization_id AND revision > :revision
        ORDER BY revision
        LIMIT :limit
    ) AS next
) AS counted
WHERE before < :events
ORDER BY revision
