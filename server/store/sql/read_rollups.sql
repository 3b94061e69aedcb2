-- Reads the rollup rows of some keys that there are.
--
-- Parameters; arrays have one element for each key
--   organization_id                    integer
--   dimensions, names, widths, buckets smallint[], text[], smallint[], integer[]
--
-- OFFSET 0 keeps the planner from turning the lookups round: one row by its primary key for each element is right
-- whatever the statistics say.
SELECT r.dimension, r.value, r.granularity, r.bucket, r.counter_keys, r.counter_amounts,
    NULL::integer[] AS bin_keys, NULL::bigint[] AS bin_counts, r.set_keys, r.sets, r.histogram_keys, r.histograms
FROM unnest(:dimensions::smallint[], :names::text[], :widths::smallint[], :buckets::integer[])
    AS k(dimension, value, granularity, bucket)
CROSS JOIN LATERAL (
    SELECT * FROM rollups
    WHERE organization_id = :organization_id AND dimension = k.dimension AND value = k.value
        AND granularity = k.granularity AND bucket = k.bucket
    OFFSET 0
) AS r
