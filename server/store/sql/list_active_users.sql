-- Returns users in an order, those after a place, by what is known of them and what they did over a span: what the
-- projection of users keeps of whole days of UTC, and at both edges of the span, each within a day, raw events, and
-- conversations by when they begin.
--
-- CHOSEN is nothing, or reads the users that are looked at as "chosen", and AMONG keeps these. SORT is what orders
-- users, of the type TYPE, and THAN says whether the next one has more or less of it; those without it come last. Those
-- with as much of it come by user_id.
--
-- Parameters, with those of CHOSEN
--   organization_id                    integer
--   first_day, end_day                 date: the whole days [first_day, end_day)
--   edge_starts, edge_ends             timestamptz[]: the edges [start, end) before and behind them
--   first_from, first_before           timestamptz: users first seen in [first_from, first_before); NULL: whenever
--   after                              text: the user_id of the place; empty: the list begins
--   value                              text: what orders the user of the place; NULL: it has none
--   limit                              bigint
--
-- OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
WITH known AS (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users'
), edges AS (
    SELECT * FROM unnest(:edge_starts::timestamptz[], :edge_ends::timestamptz[]) AS e(start, stop)
):CHOSEN, parts AS (
    SELECT d.*
    FROM known AS k
    CROSS JOIN LATERAL (
        SELECT user_id, (events > 0)::integer::bigint AS active_days, :COLUMNS FROM user_days
        WHERE organization_id = :organization_id AND version = k.version AND day >= :first_day::date
            AND day < :end_day::date AND day > '-infinity' :AMONG
        OFFSET 0
    ) AS d
    UNION ALL
    SELECT r.*
    FROM edges AS e
    CROSS JOIN LATERAL (
        SELECT user_id, 1::bigint AS active_days, :RAW_SUMS FROM events
        WHERE organization_id = :organization_id AND occurred_at >= e.start AND occurred_at < e.stop
            AND user_id IS NOT NULL :AMONG
        GROUP BY user_id
        OFFSET 0
    ) AS r
    UNION ALL
    SELECT c.*
    FROM known AS k
    CROSS JOIN edges AS e
    CROSS JOIN LATERAL (
        SELECT user_id, 0::bigint AS active_days, :BEGINNING_COLUMNS FROM user_conversations
        WHERE organization_id = :organization_id AND version = k.version AND began_at >= e.start
            AND began_at < e.stop AND began_at > '-infinity' :AMONG
        OFFSET 0
    ) AS c
), sums AS (
    SELECT user_id, sum(active_days)::bigint AS active_days, :SUMS
    FROM parts
    GROUP BY user_id
), found AS (
    SELECT u.user_id, u.name, u.first_seen_at, u.last_seen_at, s.active_days, :FOUND
    FROM sums AS s
    CROSS JOIN known AS k
    JOIN users AS u ON u.organization_id = :organization_id AND u.version = k.version AND u.user_id = s.user_id
    WHERE s.events > 0
        AND (:first_from::timestamptz IS NULL OR u.first_seen_at >= :first_from)
        AND (:first_before::timestamptz IS NULL OR u.first_seen_at < :first_before)
)
SELECT user_id, name, first_seen_at, last_seen_at, sort::text AS sort, active_days, :COLUMNS
FROM (SELECT f.*, :SORT AS sort FROM found AS f) AS u
WHERE :after::text = '' OR u.sort IS NULL AND (:value::text IS NOT NULL OR u.user_id > :after)
    OR u.sort :THAN CAST(:value::text AS :TYPE) OR u.sort = CAST(:value::text AS :TYPE) AND u.user_id > :after
ORDER BY u.sort :DIRECTION NULLS LAST, u.user_id
LIMIT :limit
