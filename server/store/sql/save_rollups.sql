-- Moves the rows of rollup_stage to rollups, in place of those that were there.
WITH staged AS (
    DELETE FROM rollup_stage RETURNING *
)
INSERT INTO rollups (organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts, bin_keys,
    bin_counts, set_keys, sets)
SELECT organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts, bin_keys, bin_counts,
    set_keys, sets
FROM staged
ON CONFLICT (organization_id, dimension, value, granularity, bucket) DO UPDATE SET
    counter_keys = excluded.counter_keys,
    counter_amounts = excluded.counter_amounts,
    bin_keys = excluded.bin_keys,
    bin_counts = excluded.bin_counts,
    set_keys = excluded.set_keys,
    sets = excluded.sets
