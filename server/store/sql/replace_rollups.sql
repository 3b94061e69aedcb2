-- Continues a statement that adds rollups: they take the place of those that were there.
ON CONFLICT (organization_id, dimension, value, granularity, bucket) DO UPDATE SET
    counter_keys = excluded.counter_keys,
    counter_amounts = excluded.counter_amounts,
    histogram_keys = excluded.histogram_keys,
    histograms = excluded.histograms,
    set_keys = excluded.set_keys,
    sets = excluded.sets
