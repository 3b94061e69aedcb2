-- Reads the counters of a value of a dimension by hour of the week, from rollups of hours or quarter hours and from
-- deltas that are not folded yet. A row is an hour of the week, 0 for Monday 00:00, and what each counter comes to.
--
-- Parameters
--   organization_id                    integer
--   dimension, value                   smallint, text
--   first, last                        integer: the quarter hours to read, [first, last)
--   by_hours                           boolean: hours of UTC are hours of the zone, so that their rollups can be read
--   counters                           integer[]: the keys of the counters
--   change_firsts, change_offsets      integer[]: from which quarter hour on, in order, clocks are how many quarter
--                                      hours ahead of UTC
--
-- Rollups of hours end where widening ends; quarter hours take their place after it, and at the ends of the period.
-- OFFSET 0 keeps the planner from turning the lookups round.
WITH widened AS MATERIALIZED (
    SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = :organization_id), 0) AS until
), hours AS MATERIALIZED (
    SELECT :first::integer + (:HOUR - :first::integer % :HOUR) % :HOUR AS first,
        least(:last::integer, until) - least(:last::integer, until) % :HOUR AS last
    FROM widened
), pieces AS MATERIALIZED (
    SELECT :HOUR AS granularity, first, last FROM hours WHERE :by_hours::boolean AND first < last
    UNION ALL
    SELECT 1, :first::integer, first FROM hours WHERE :by_hours::boolean AND first < last
    UNION ALL
    SELECT 1, last, :last::integer FROM hours WHERE :by_hours::boolean AND first < last
    UNION ALL
    SELECT 1, :first::integer, :last::integer FROM hours WHERE NOT (:by_hours::boolean AND first < last)
), found AS (
    SELECT c.bucket, c.counter_keys, c.counter_amounts
    FROM pieces AS p CROSS JOIN LATERAL (
        SELECT bucket, counter_keys, counter_amounts FROM rollups
        WHERE organization_id = :organization_id AND dimension = :dimension AND value = :value
            AND granularity = p.granularity AND bucket >= p.first AND bucket < p.last
        OFFSET 0
    ) AS c
    UNION ALL
    SELECT bucket, counter_keys, counter_amounts FROM deltas
    WHERE organization_id = :organization_id AND dimension = :dimension AND value = :value
        AND bucket >= :first AND bucket < :last
)
-- 1970 began on a Thursday.
SELECT ((r.bucket + (:change_offsets::integer[])[width_bucket(r.bucket, :change_firsts::integer[])]) / :HOUR + 72) % 168
    AS place, :SUMS
FROM found AS r
GROUP BY place
