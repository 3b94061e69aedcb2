-- Takes over into rows that were filled anew how often topics were found before a quarter hour.
--
-- Parameters
--   organization_id                    integer
--   old, new                           smallint: the versions of the rows
--   before                             integer: the quarter hour
INSERT INTO content_gap_quarters
    (organization_id, version, topic, bucket, frequency, confidence_sum, confidence_count, first_at, last_at)
SELECT organization_id, :new::smallint, topic, bucket, frequency, confidence_sum, confidence_count, first_at, last_at
FROM content_gap_quarters
WHERE organization_id = :organization_id AND version = :old::smallint AND bucket < :before
