-- Reads the updates after a revision, in order and by portions, until they have as many events or counters as are
-- wanted.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the revision after which to begin
--   portions                           integer: so many portions of the next revision are left out
--   limit                              bigint: how many portions to read at most
--   events, counters                   bigint: a portion is left out where those before it have that many already
SELECT revision, portion, more, created_at, counters, changes
FROM (
    SELECT *,
        sum(events) OVER earlier - events AS events_before,
        sum(counters) OVER earlier - counters AS counters_before
    FROM (
        SELECT * FROM updates
        WHERE organization_id = :organization_id
            AND (revision, portion) >= (:revision::bigint + 1, :portions::integer)
        ORDER BY revision, portion
        LIMIT :limit
    ) AS next
    WINDOW earlier AS (ORDER BY revision, portion)
) AS counted
WHERE events_before < :events AND counters_before < :counters
ORDER BY revision, portion
