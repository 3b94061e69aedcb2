-- Adds what merge_slots.sql, which follows it, returns to minutes; add_up_slots.sql continues both.
INSERT INTO slot_rollups AS r (organization_id, dimension, value, seconds, slot, messages, sent, failed, responses,
    response_time, bin_keys, bin_counts)
