-- Moves the rows of rollup_stage to rollups; replace_rollups.sql continues it.
WITH staged AS (
    DELETE FROM rollup_stage RETURNING *
)
INSERT INTO rollups (organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts,
    histogram_keys, histograms, set_keys, sets)
SELECT organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts, histogram_keys,
    histograms, set_keys, sets
FROM staged
