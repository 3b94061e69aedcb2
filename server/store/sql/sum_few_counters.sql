-- Adds up a few counters of deltas, in read_figures.sql: each is found by its key, which costs less than unnesting them
-- all as long as there are few.
--
-- Parameters, as in read_figures.sql
--   organization_id                    integer
--   counters                           integer[]: the keys of the counters to read
SELECT s.point, NULL, NULL, NULL, array_send(:counters::integer[]), array_send(ARRAY[:DELTA_COUNTERS]::bigint[]),
    NULL, NULL, NULL, NULL
FROM spans AS s
CROSS JOIN LATERAL (
    SELECT counter_keys, counter_amounts FROM deltas
    WHERE organization_id = :organization_id AND dimension = s.dimension AND value = s.value
        AND bucket >= s.first AND bucket < s.last
    OFFSET 0
) AS r
GROUP BY s.point
