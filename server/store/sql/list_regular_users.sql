-- Returns the users who did something on enough days: those with the most days first, of these the ones seen last, and
-- then by user_id. Users that were erased are left out.
--
-- Parameters
--   organization_id                    integer
--   first_day, end_day                 date: the days [first_day, end_day)
--   least_days                         bigint: on how many days they did something
--   most                               bigint: how many users are returned
WITH known AS (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users'
)
SELECT d.user_id, min(d.day) AS first, max(d.day) AS last, count(*) AS days
FROM known AS k
CROSS JOIN LATERAL (
    SELECT user_id, day FROM user_days
    WHERE organization_id = :organization_id AND version = k.version AND day > '-infinity'
        AND day >= :first_day::date AND day < :end_day::date AND events > 0
        AND left(user_id, 1) <> E'\x1e'
    OFFSET 0
) AS d
GROUP BY d.user_id
HAVING count(*) >= :least_days
ORDER BY days DESC, last DESC, d.user_id
LIMIT :most
