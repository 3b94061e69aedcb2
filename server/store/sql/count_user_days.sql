-- Counts the days of users whose figures are added up for a list, and the events at the edges of its span, as far as a
-- limit. CHOSEN is nothing, or reads the users that are looked at as "chosen", and AMONG keeps these.
--
-- Parameters, with those of CHOSEN
--   organization_id                    integer
--   first_day, end_day                 date: the whole days [first_day, end_day)
--   edge_starts, edge_ends             timestamptz[]: the edges [start, end) before and behind them
--   most_days                          bigint: the limit
--
-- OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
WITH edges AS (
    SELECT * FROM unnest(:edge_starts::timestamptz[], :edge_ends::timestamptz[]) AS e(start, stop)
):CHOSEN
SELECT count(*)
FROM (
    SELECT FROM user_days
    WHERE organization_id = :organization_id
        AND version = (SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users')
        AND day >= :first_day::date AND day < :end_day::date AND day > '-infinity' :AMONG
    UNION ALL
    SELECT FROM edges AS e
    CROSS JOIN LATERAL (
        SELECT FROM events
        WHERE organization_id = :organization_id AND occurred_at >= e.start AND occurred_at < e.stop
            AND user_id IS NOT NULL :AMONG
        OFFSET 0
    ) AS r
    LIMIT :most_days
) AS c
