-- Reads folded slots of several values added up; the end of read_slots.sql.
SELECT seconds, slot, sum(messages)::bigint, sum(sent)::bigint, sum(failed)::bigint, sum(responses)::bigint,
    sum(response_time)::bigint, NULL, NULL
FROM folded
GROUP BY seconds, slot
UNION ALL
SELECT seconds, slot, NULL, NULL, NULL, NULL, NULL, array_send(array_agg(key)), array_send(array_agg(count))
FROM (
    SELECT seconds, slot, key, sum(count)::bigint AS count
    FROM folded
    CROSS JOIN unnest(bin_keys, bin_counts) AS b(key, count)
    GROUP BY seconds, slot, key
) AS b
GROUP BY seconds, slot
