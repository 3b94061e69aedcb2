-- Makes the numbers of content gaps what their quarter hours add up to.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   topics                             text[]
UPDATE content_gaps AS g
SET frequency = f.frequency, confidence_sum = f.confidence_sum, confidence_count = f.confidence_count,
    first_at = f.first_at, last_at = f.last_at
FROM (
    SELECT topic, sum(frequency)::bigint AS frequency, sum(confidence_sum)::bigint AS confidence_sum,
        sum(confidence_count)::bigint AS confidence_count, min(first_at) AS first_at, max(last_at) AS last_at
    FROM content_gap_quarters
    WHERE organization_id = :organization_id AND version = :version AND topic = ANY(:topics::text[])
    GROUP BY topic
) AS f
WHERE g.organization_id = :organization_id AND g.version = :version AND g.topic = f.topic
