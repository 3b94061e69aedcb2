-- Reads one counter of every event type that has cells of its own; continues read_figures.sql.
--
-- Parameters
--   organization_id                    integer
--   type_limit                         integer: the most event types to read, the first in order
--   type_firsts, type_lasts, type_widths
--                                      integer[]: the quarter hours [first, last) to read in rollups of each width;
--                                      those of width 0 are the deltas to read
--   type_counter                       integer: the key of the counter
UNION ALL
SELECT NULL, s.value, :TYPE_COUNTER, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM (
    SELECT :EVENT_TYPE_DIMENSION AS dimension, m.external_id AS value, t.granularity, t.first, t.last, w.until,
        w.until - w.until % greatest(t.granularity, 1) AS whole_until,
        w.until - w.until % :DAY AS days_until
    FROM (
        SELECT external_id FROM members
        WHERE organization_id = :organization_id AND kind = :EVENT_TYPE_KIND AND NOT overflow
        ORDER BY external_id
        LIMIT :type_limit
    ) AS m
    CROSS JOIN unnest(:type_firsts::integer[], :type_lasts::integer[], :type_widths::integer[])
        AS t(first, last, granularity)
    CROSS JOIN widened AS w
    -- What is worked out here stays here: % is not leakproof, and an index is not asked by it before policies are.
    OFFSET 0
) AS s
CROSS JOIN LATERAL (
    (
        SELECT counter_keys, counter_amounts FROM rollups
        WHERE s.granularity > 0
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = s.granularity AND bucket >= s.first
            AND bucket < CASE WHEN s.granularity > 1 THEN least(s.last, s.whole_until) ELSE s.last END
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts FROM rollups
        WHERE s.granularity > :DAY AND s.last > s.whole_until
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = :DAY AND bucket >= greatest(s.first, s.whole_until)
            AND bucket < least(s.last, s.days_until)
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts FROM rollups
        WHERE s.granularity > :HOUR AND s.last > s.whole_until
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = :HOUR AND bucket >= greatest(s.first, s.whole_until, s.days_until)
            AND bucket < least(s.last, s.until)
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts FROM rollups
        WHERE s.granularity > 1 AND s.last > s.until
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = 1 AND bucket >= greatest(s.first, s.until) AND bucket < s.last
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts FROM deltas
        WHERE s.granularity = 0
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND bucket >= s.first AND bucket < s.last
        OFFSET 0
    )
) AS r
GROUP BY s.value
