-- Reads what questions find of one width over a span that is whole in it: rollups and deltas of all cells.
--
-- Parameters
--   organization_id                    integer
--   width                              integer: quarter hours, as rollups have them
--   first, last                        integer: the quarter hours [first, last)
--
-- Rollups of the width are read as far as they are whole, and quarter hours after that.
-- Where folds has no row, nothing has been folded yet.
WITH widened AS (
    SELECT until - until % :width AS until
    FROM (
        SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = :organization_id), 0) AS until
    ) AS f
)
SELECT dimension, value, bucket, counter_keys, counter_amounts, NULL::integer[] AS bin_keys,
    NULL::bigint[] AS bin_counts, set_keys, sets, histogram_keys, histograms
FROM rollups, widened
WHERE organization_id = :organization_id AND bucket >= :first AND bucket < :last
    AND (granularity = :width AND (:width = 1 OR bucket < until)
        OR granularity = 1 AND bucket >= until AND :width > 1)
UNION ALL
SELECT dimension, value, bucket, counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets, NULL, NULL
FROM deltas
WHERE organization_id = :organization_id AND bucket >= :first AND bucket < :last
