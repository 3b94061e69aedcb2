-- Counts, of the users that were first seen in each of some periods, those that were seen in each of them.
--
-- A row is the period of the first kind, the other one, by their places from 1 on, and how many users there are.
--
-- Parameters
--   organization_id                    integer
--   first_from, first_before           timestamptz: when the users were first seen
--   starts                             date[]: where each period begins, in days of UTC, and where the last one ends
WITH known AS (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'users'
), seen AS (
    SELECT DISTINCT d.user_id, width_bucket(d.day, :starts::date[]) AS period
    FROM known AS k
    CROSS JOIN LATERAL (
        SELECT user_id, day FROM user_days
        WHERE organization_id = :organization_id AND version = k.version AND day > '-infinity'
            AND day >= (:starts::date[])[1] AND day < (:starts::date[])[cardinality(:starts::date[])]
            AND events > 0
        OFFSET 0
    ) AS d
)
SELECT width_bucket((u.first_seen_at AT TIME ZONE 'UTC')::date, :starts::date[]) AS cohort, s.period, count(*) AS users
FROM known AS k
CROSS JOIN LATERAL (
    SELECT user_id, first_seen_at FROM users
    WHERE organization_id = :organization_id AND version = k.version AND first_seen_at > '-infinity'
        AND first_seen_at >= :first_from::timestamptz AND first_seen_at < :first_before::timestamptz
    OFFSET 0
) AS u
JOIN seen AS s USING (user_id)
GROUP BY cohort, period
