-- Adds slots of five seconds up to minutes, and returns them as rows of slot_rollups; remove_merged_slots.sql removes
-- them then.
--
-- Parameters
--   organization_id                    integer
--   dimensions, names                  smallint[], text[]: the values whose slots to merge
--   before                             integer: the minute, counted since 1970, whose slots and later ones stay
--
-- OFFSET 0 keeps the planner from turning the lookups round: one range of the primary key for each value is right
-- whatever the statistics say.
WITH old AS MATERIALIZED (
    SELECT r.organization_id, v.dimension, v.value, r.slot / :FINE_PER_MINUTE AS slot, messages, sent, failed,
        responses, response_time, bin_keys, bin_counts
    FROM unnest(:dimensions::smallint[], :names::text[]) AS v(dimension, value)
    CROSS JOIN LATERAL (
        SELECT * FROM slot_rollups
        WHERE organization_id = :organization_id AND dimension = v.dimension AND value = v.value
            AND seconds = :FINE AND slot < :before * :FINE_PER_MINUTE
        OFFSET 0
    ) AS r
), summed AS (
    SELECT organization_id, dimension, value, slot, sum(messages)::bigint AS messages, sum(sent)::bigint AS sent,
        sum(failed)::bigint AS failed, sum(responses)::bigint AS responses,
        sum(response_time)::bigint AS response_time
    FROM old
    GROUP BY organization_id, dimension, value, slot
), binned AS (
    SELECT dimension, value, slot, array_agg(key) AS bin_keys, array_agg(count) AS bin_counts
    FROM (
        SELECT dimension, value, slot, key, sum(count)::bigint AS count
        FROM old
        CROSS JOIN unnest(bin_keys, bin_counts) AS b(key, count)
        GROUP BY dimension, value, slot, key
    ) AS b
    GROUP BY dimension, value, slot
)
SELECT organization_id, dimension, value, :MINUTE AS seconds, slot, messages, sent, failed, responses, response_time,
    coalesce(bin_keys, '{}') AS bin_keys, coalesce(bin_counts, '{}') AS bin_counts
FROM summed
LEFT JOIN binned USING (dimension, value, slot)
