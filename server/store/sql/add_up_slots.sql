-- Adds rows to those that there are already, r; the end of add_slots.sql and of merge_slots.sql.
ON CONFLICT (organization_id, dimension, value, seconds, slot) DO UPDATE SET
    messages = r.messages + excluded.messages,
    sent = r.sent + excluded.sent,
    failed = r.failed + excluded.failed,
    responses = r.responses + excluded.responses,
    response_time = r.response_time + excluded.response_time,
    (bin_keys, bin_counts) = (
        SELECT coalesce(array_agg(key), '{}'), coalesce(array_agg(count), '{}')
        FROM (
            SELECT key, sum(count)::bigint AS count
            FROM unnest(r.bin_keys || excluded.bin_keys, r.bin_counts || excluded.bin_counts) AS b(key, count)
            GROUP BY key
        ) AS b
    )
