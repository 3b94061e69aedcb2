-- Works out a figure of every value of a dimension over a span, for values to be ranked by it; to be continued by
-- rank_rows.sql or list_values.sql. Counters are added up from rollups of every width and from deltas that are not
-- folded yet, as read_figures.sql does for single values.
--
-- Parameters
--   organization_id                    integer
--   dimension                          smallint
--   prefix, suffix                     text: what values begin and end with: the given one of the two values of a pair
--   only                               text: the only value that is asked about; empty: all
--   other                              text: the value that stands for those without figures of their own; left out
--   segment_firsts, segment_lasts, segment_widths
--                                      integer[]: the rollups to read, quarter hours [first, last) of a width
--   span_first, span_last              integer: the deltas to read, quarter hours [first, last)
--   above, below                       integer[]: the keys of the counters whose sums make the figure: those above are
--                                      added up, each times its sign, and divided by those below, if there are any
--   signs                              integer[]: 1 or −1 for each of those above
--   counted_values, counted_keys, counted_amounts
--                                      text[], integer[], bigint[]: counters that come on top, each with its value,
--                                      where :COUNTED has the rows that are made of them
--
-- OFFSET 0 keeps the planner from turning the lookups round: one range of the index by bucket for each segment is right
-- whatever the statistics say.
WITH widened AS MATERIALIZED (
    SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = :organization_id), 0) AS until
), segments AS (
    SELECT granularity, first, last, until,
        until - until % greatest(granularity, 1) AS whole_until,
        until - until % :DAY AS days_until
    FROM unnest(:segment_firsts::integer[], :segment_lasts::integer[], :segment_widths::integer[])
        AS s(first, last, granularity)
    CROSS JOIN widened
), pieces AS MATERIALIZED (
    -- Rollups of a width end at whole_until. After it days, hours and quarter hours take the place of wider ones.
    SELECT granularity, first, CASE WHEN granularity > 1 THEN least(last, whole_until) ELSE last END AS last
    FROM segments
    UNION ALL
    SELECT :DAY, greatest(first, whole_until), least(last, days_until) FROM segments WHERE granularity > :DAY
    UNION ALL
    SELECT :HOUR, greatest(first, whole_until, days_until), least(last, until) FROM segments WHERE granularity > :HOUR
    UNION ALL
    SELECT 1, greatest(first, until), last FROM segments WHERE granularity > 1
), sums AS (
    SELECT r.value, :SUMS
    FROM (
        SELECT c.value, c.counter_keys, c.counter_amounts
        FROM pieces AS p
        CROSS JOIN LATERAL (
            SELECT value, counter_keys, counter_amounts FROM rollups
            WHERE organization_id = :organization_id AND dimension = :dimension
                AND granularity = p.granularity AND bucket >= p.first AND bucket < p.last
                AND granularity + 0 > 0 -- as the index has it
            OFFSET 0
        ) AS c
        UNION ALL
        SELECT value, counter_keys, counter_amounts FROM deltas
        WHERE organization_id = :organization_id AND dimension = :dimension
            AND bucket >= :span_first AND bucket < :span_last
        :COUNTED
    ) AS r
    WHERE (:only = '' OR r.value = :only) AND r.value <> '' AND r.value <> :other AND r.counter_keys <> '{}'
        AND starts_with(r.value, :prefix) AND right(r.value, length(:suffix)) = :suffix
    GROUP BY r.value
), ranked AS (
    SELECT value, :FIGURE AS figure FROM sums
)
