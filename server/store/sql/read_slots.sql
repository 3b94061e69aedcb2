-- Reads what happened in each slot to some values of a dimension together, from folded slots and from deltas.
--
-- It is continued by read_slots_of_one.sql or by read_slots_of_many.sql. A row is numbers of a slot, or bins of
-- response times, or both. Bins come as bytes, which cost the driver nothing to decode.
--
-- Parameters
--   organization_id                    integer
--   dimension                          smallint
--   names                              text[]: the values
--   since                              integer: the first minute to read, counted since 1970
--   fine_since                         integer: the first minute to distinguish by five seconds; slots before it are
--                                      read as minutes
--
-- OFFSET 0 keeps the planner from turning the lookups round: one range of a primary key for each value is right
-- whatever the statistics say, and after a burst of ingest they say nothing.
WITH unfolded AS MATERIALIZED (
    -- at: the slot of five seconds, counted since 1970, of a delta that has one.
    SELECT
        CASE WHEN slot >= :FIRST_FINE AND at >= :fine_since * :FINE_PER_MINUTE THEN :FINE ELSE :MINUTE END AS seconds,
        CASE
            WHEN slot >= :FIRST_FINE AND at >= :fine_since * :FINE_PER_MINUTE THEN at
            WHEN slot >= :FIRST_FINE THEN at / :FINE_PER_MINUTE
            ELSE bucket * :MINUTES_PER_QUARTER + slot - :FIRST_MINUTE
        END AS slot,
        coalesce(counter_amounts[array_position(counter_keys, :RECEIVED)], 0)
            + coalesce(counter_amounts[array_position(counter_keys, :SENT)], 0) AS messages,
        coalesce(counter_amounts[array_position(counter_keys, :SENT)], 0) AS sent,
        coalesce(counter_amounts[array_position(counter_keys, :FAILED)], 0) AS failed,
        coalesce(counter_amounts[array_position(counter_keys, :RESPONSES)], 0) AS responses,
        coalesce(counter_amounts[array_position(counter_keys, :RESPONSE_TIME)], 0) AS response_time,
        bin_keys, bin_counts
    FROM unnest(:names::text[]) AS v(value)
    CROSS JOIN LATERAL (
        SELECT bucket, slot, bucket * :FINE_PER_QUARTER + slot - :FIRST_FINE AS at, counter_keys, counter_amounts,
            bin_keys, bin_counts
        FROM deltas
        WHERE organization_id = :organization_id AND dimension = :dimension AND value = v.value
            AND bucket >= :since / :MINUTES_PER_QUARTER AND slot > :WHOLE
        OFFSET 0
    ) AS r
), folded AS (
    SELECT
        CASE WHEN seconds = :FINE AND slot < :fine_since * :FINE_PER_MINUTE THEN :MINUTE ELSE seconds END AS seconds,
        CASE WHEN seconds = :FINE AND slot < :fine_since * :FINE_PER_MINUTE THEN slot / :FINE_PER_MINUTE ELSE slot END
            AS slot,
        messages, sent, failed, responses, response_time, bin_keys, bin_counts
    FROM unnest(:names::text[]) AS v(value)
    CROSS JOIN LATERAL (
        (
            SELECT * FROM slot_rollups
            WHERE organization_id = :organization_id AND dimension = :dimension AND value = v.value
                AND seconds = :FINE AND slot >= :since * :FINE_PER_MINUTE
            OFFSET 0
        )
        UNION ALL
        (
            SELECT * FROM slot_rollups
            WHERE organization_id = :organization_id AND dimension = :dimension AND value = v.value
                AND seconds = :MINUTE AND slot >= :since
            OFFSET 0
        )
    ) AS r
)
SELECT seconds, slot, sum(messages)::bigint AS messages, sum(sent)::bigint AS sent, sum(failed)::bigint AS failed,
    sum(responses)::bigint AS responses, sum(response_time)::bigint AS response_time,
    NULL::bytea AS bin_keys, NULL::bytea AS bin_counts
FROM unfolded
GROUP BY seconds, slot
UNION ALL
SELECT seconds, slot, NULL, NULL, NULL, NULL, NULL, array_send(array_agg(key - :FIRST_BIN)),
    array_send(array_agg(count))
FROM (
    SELECT seconds, slot, key, sum(count)::bigint AS count
    FROM unfolded
    CROSS JOIN unnest(bin_keys, bin_counts) AS b(key, count)
    WHERE key BETWEEN :FIRST_BIN AND :LAST_BIN
    GROUP BY seconds, slot, key
) AS b
GROUP BY seconds, slot
UNION ALL
