-- Moves the rows of rollup_stage to rollups, in place of those that were there.
WITH staged AS (
    DELETE FROM rollup_stage RETURNING *
)
INSERT INTO rollups (organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts,
    histogram_keys, histograms, set_keys, sets)
SELECT organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts, histogram_keys,
    histograms, set_keys, sets
FROM staged
ON CONFLICT (organization_id, dimension, value, granularity, bucket) DO UPDATE SET
    counter_keys = excluded.counter_keys,
    counter_amounts = excluded.counter_amounts,
    histogram_keys = excluded.histogram_keys,
    histograms = excluded.histograms,
    set_keys = excluded.set_keys,
    sets = excluded.sets
