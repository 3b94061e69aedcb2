-- Counts users by the days on which they did something: the first, the last, how many, and the last and how many before
-- a day. Users that were erased are left out.
--
-- Parameters
--   organization_id                    integer
--   first_day, end_day                 date: the days [first_day, end_day)
--   cut_day                            date: before which days are counted by themselves, too
WITH known AS (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users'
), each AS (
    SELECT
        d.user_id, min(d.day) AS first, max(d.day) AS last, count(*) AS days,
        max(d.day) FILTER (WHERE d.day < :cut_day::date) AS last_before,
        count(*) FILTER (WHERE d.day < :cut_day::date) AS days_before
    FROM known AS k
    CROSS JOIN LATERAL (
        SELECT user_id, day FROM user_days
        WHERE organization_id = :organization_id AND version = k.version AND day > '-infinity'
            AND day >= :first_day::date AND day < :end_day::date AND events > 0
            AND left(user_id, 1) <> E'\x1e'
        OFFSET 0
    ) AS d
    GROUP BY d.user_id
)
SELECT first, last, days, last_before, days_before, count(*) AS users
FROM each
GROUP BY first, last, days, last_before, days_before
