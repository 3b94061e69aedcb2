-- Ranks users by a figure over a span: what the projection of users keeps of whole days of UTC, and at both edges of
-- the span raw events, and conversations by when they begin.
--
-- A row is a user, and how many users there are in all. COLUMNS are those that the figure is made of, and events and
-- conversations, by which a user was there: there may be millions of rows, and each sum is kept for every user.
--
-- Parameters
--   organization_id                    integer
--   first_day, end_day                 date: the whole days [first_day, end_day)
--   edge_starts, edge_ends             timestamptz[]: the edges [start, end) before and behind them
--   descending                         boolean: the greatest figure first
--   skip, most                         bigint: how many rows to leave out, and how many to return then
--
-- OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
WITH known AS (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users'
), edges AS (
    SELECT * FROM unnest(:edge_starts::timestamptz[], :edge_ends::timestamptz[]) AS e(start, stop)
), parts AS (
    SELECT d.*
    FROM known AS k
    CROSS JOIN LATERAL (
        SELECT user_id, :COLUMNS FROM user_days
        WHERE organization_id = :organization_id AND version = k.version AND day >= :first_day::date
            AND day < :end_day::date AND day > '-infinity'
        OFFSET 0
    ) AS d
    UNION ALL
    SELECT r.*
    FROM edges AS e
    CROSS JOIN LATERAL (
        SELECT user_id, :RAW_COLUMNS FROM events
        WHERE organization_id = :organization_id AND occurred_at >= e.start AND occurred_at < e.stop
            AND occurred_at > '-infinity'
            AND user_id IS NOT NULL
        OFFSET 0
    ) AS r
    UNION ALL
    SELECT c.*
    FROM known AS k
    CROSS JOIN edges AS e
    CROSS JOIN LATERAL (
        SELECT user_id, :BEGINNING_COLUMNS FROM user_conversations
        WHERE organization_id = :organization_id AND version = k.version AND began_at >= e.start
            AND began_at < e.stop AND began_at > '-infinity'
        OFFSET 0
    ) AS c
), sums AS (
    SELECT user_id, :SUMS FROM parts
    GROUP BY user_id
)
SELECT user_id, count(*) OVER () AS number
FROM sums
WHERE events > 0 OR conversations > 0
ORDER BY :FIGURE IS NULL, CASE WHEN :descending::boolean THEN -(:FIGURE) ELSE :FIGURE END, user_id
OFFSET :skip::bigint LIMIT :most::bigint
