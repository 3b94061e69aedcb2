-- Adds to how often topics of content gaps were found in quarter hours.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   topics, buckets                    text[], integer[]: the quarter hours; the order in which rows are locked
--   frequencies, confidence_sums, confidence_counts, firsts, lasts
--                                      bigint[]: what was found in each; times in microseconds since 1970
INSERT INTO content_gap_quarters AS q
    (organization_id, version, topic, bucket, frequency, confidence_sum, confidence_count, first_at, last_at)
SELECT b.organization_id, :version, topic, bucket, frequency, confidence_sum, confidence_count, :FIRST, :LAST
FROM unnest(:topics::text[], :buckets::integer[], :frequencies::bigint[], :confidence_sums::bigint[],
    :confidence_counts::bigint[], :firsts::bigint[], :lasts::bigint[])
    AS added(topic, bucket, frequency, confidence_sum, confidence_count, first, last), revisions AS b
WHERE b.organization_id = :organization_id
ON CONFLICT (organization_id, version, topic, bucket) DO UPDATE
SET frequency = q.frequency + excluded.frequency,
    confidence_sum = q.confidence_sum + excluded.confidence_sum,
    confidence_count = q.confidence_count + excluded.confidence_count,
    first_at = least(q.first_at, excluded.first_at),
    last_at = greatest(q.last_at, excluded.last_at)
