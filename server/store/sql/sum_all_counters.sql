-- Adds up all counters of deltas, in read_figures.sql, of which the reader takes those that it wants: a delta has ten
-- or so, and to look for more than that in each delta takes longer.
--
-- Parameters, as in read_figures.sql
--   organization_id                    integer
--   counters                           integer[]: none, if no counter is wanted
SELECT point, NULL, NULL, NULL, array_send(array_agg(key)), array_send(array_agg(amount)), NULL, NULL, NULL, NULL
FROM (
    SELECT point, key, greatest(least(sum(amount), :LARGEST), -:LARGEST)::bigint AS amount
    FROM (
        SELECT s.point, unnest(r.counter_keys) AS key, unnest(r.counter_amounts) AS amount
        FROM spans AS s
        CROSS JOIN LATERAL (
            SELECT counter_keys, counter_amounts FROM deltas
            WHERE organization_id = :organization_id AND dimension = s.dimension AND value = s.value
                AND bucket >= s.first AND bucket < s.last
            OFFSET 0
        ) AS r
        WHERE cardinality(:counters::integer[]) > 0
    ) AS c
    GROUP BY point, key
) AS c
GROUP BY point
