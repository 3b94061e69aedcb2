-- Adds to slots that there are, as add_up_slots.sql does, where tables are distributed: nodes take no subqueries here.
-- server/store/distribution.py makes the functions.
ON CONFLICT (organization_id, dimension, value, seconds, slot) DO UPDATE SET
    messages = r.messages + excluded.messages,
    sent = r.sent + excluded.sent,
    failed = r.failed + excluded.failed,
    responses = r.responses + excluded.responses,
    response_time = r.response_time + excluded.response_time,
    bin_keys = tallywire_bin_keys(r.bin_keys || excluded.bin_keys),
    bin_counts = tallywire_bin_counts(r.bin_keys || excluded.bin_keys, r.bin_counts || excluded.bin_counts)
