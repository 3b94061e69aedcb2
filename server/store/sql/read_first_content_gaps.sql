-- Reads when topics of content gaps were found first after a time and not later than another one. The events of a
-- quarter hour are not told apart: where some occurred before the time, the last one stands for those after it.
--
-- Parameters
--   organization_id                    integer
--   places                             integer[]: what each time comes back with
--   topics                             text[]
--   since, until                       bigint[]: the times, in microseconds since 1970
SELECT w.place, :FOUND
FROM (
    SELECT place, topic, :SINCE AS since, :UNTIL AS until,
        (since_at / 900000000)::integer AS first, (until_at / 900000000)::integer AS last
    FROM unnest(:places::integer[], :topics::text[], :since::bigint[], :until::bigint[])
        AS given(place, topic, since_at, until_at)
) AS w CROSS JOIN LATERAL (
    SELECT first_at, last_at FROM content_gap_quarters
    WHERE organization_id = :organization_id AND version = (
            SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'content_gaps'
        )
        AND topic = w.topic AND bucket >= w.first AND bucket <= w.last
        AND last_at > w.since AND (first_at > w.since AND first_at <= w.until OR last_at <= w.until)
    OFFSET 0
) AS q
GROUP BY w.place
