-- Reads the raw events of some keys, whose hours are known.
--
-- Parameters
--   organization_id                    integer
--   hours                              bigint[]: the hours in which they occurred, counted since 1970
--   keys                               bytea[]: the events
--
-- COLUMNS say what is read. No event is received much before it occurs: partitions of earlier days are not looked at.
SELECT e.* FROM (
    SELECT to_timestamp(hour * 3600) AS start FROM unnest(:hours::bigint[]) AS given(hour)
) AS w
CROSS JOIN LATERAL (
    SELECT :COLUMNS FROM events
    WHERE organization_id = :organization_id AND occurred_at >= w.start AND occurred_at < w.start + interval '1 hour'
        AND occurred_at > '-infinity'
        AND received_at >= w.start - interval '1 day' AND event_key = ANY(:keys::bytea[])
    OFFSET 0
) AS e
