-- Reads how many events occurred in each hour that has any, by its first quarter hour, in order.
--
-- Parameters
--   organization_id                    integer
--   counter                            integer: the key of the counter of events
--
-- Hours are taken from rollups of an hour as far as the organization is widened, and from quarter hours after that.
-- Where folds has no row, nothing has been folded yet.
WITH widened AS (
    SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = :organization_id), 0) AS until
), counted AS (
    SELECT bucket - bucket % :HOUR AS bucket, counter_keys, counter_amounts
    FROM rollups, widened
    WHERE organization_id = :organization_id AND dimension = :TOTAL AND value = ''
        AND (granularity = :HOUR AND bucket < until OR granularity = 1 AND bucket >= until)
    UNION ALL
    SELECT bucket - bucket % :HOUR, counter_keys, counter_amounts
    FROM deltas
    WHERE organization_id = :organization_id AND dimension = :TOTAL AND value = ''
)
SELECT bucket, sum(amount)
FROM counted, unnest(counter_keys, counter_amounts) AS u(key, amount)
WHERE key = :counter
GROUP BY bucket
ORDER BY bucket
