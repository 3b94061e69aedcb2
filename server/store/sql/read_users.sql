-- Reads what some users did over a span: what the projection of users keeps of whole days of UTC, and at both edges of
-- the span raw events, and conversations by when they begin. A row is a user, and what each column adds up to.
--
-- Parameters
--   organization_id                    integer
--   first_day, end_day                 date: the whole days [first_day, end_day)
--   edge_starts, edge_ends             timestamptz[]: the edges [start, end) before and behind them
--   users                              text[]: the users
--
-- OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
WITH known AS (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users'
), edges AS (
    SELECT * FROM unnest(:edge_starts::timestamptz[], :edge_ends::timestamptz[]) AS e(start, stop)
), parts AS (
    SELECT d.*
    FROM known AS k
    CROSS JOIN unnest(:users::text[]) AS wanted(user_id)
    CROSS JOIN LATERAL (
        SELECT user_id, :COLUMNS FROM user_days
        WHERE organization_id = :organization_id AND version = k.version AND user_id = wanted.user_id
            AND day >= :first_day::date AND day < :end_day::date
        OFFSET 0
    ) AS d
    UNION ALL
    SELECT r.*
    FROM edges AS e
    CROSS JOIN LATERAL (
        SELECT user_id, :RAW_COLUMNS FROM events
        WHERE organization_id = :organization_id AND occurred_at >= e.start AND occurred_at < e.stop
            AND occurred_at > '-infinity'
            AND user_id = ANY(:users::text[])
        OFFSET 0
    ) AS r
    UNION ALL
    SELECT c.*
    FROM known AS k
    CROSS JOIN edges AS e
    CROSS JOIN LATERAL (
        SELECT user_id, :BEGINNING_COLUMNS FROM user_conversations
        WHERE organization_id = :organization_id AND version = k.version AND began_at >= e.start
            AND began_at < e.stop AND began_at > '-infinity' AND user_id = ANY(:users::text[])
        OFFSET 0
    ) AS c
)
SELECT user_id, :SUMS
FROM parts
GROUP BY user_id
