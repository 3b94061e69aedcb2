-- Adds to the figures of slots; add_up_slots.sql continues it.
--
-- Parameters; arrays have one element for each slot of a value
--   organization_id                    integer
--   dimensions, names                  smallint[], text[]: the value
--   seconds, slots                     smallint[], integer[]: the slot: its width, and how many of that width have
--                                      passed since 1970
--   messages, sent, failed, responses, response_times
--                                      bigint[]: what to add
--   bin_keys, bin_counts               text[]: bins of response times to add, as the texts of arrays: they differ in
--                                      length, and arrays of arrays must not
INSERT INTO slot_rollups AS r (organization_id, dimension, value, seconds, slot, messages, sent, failed, responses,
    response_time, bin_keys, bin_counts)
SELECT b.organization_id, dimension, value, seconds, slot, messages, sent, failed, responses, response_time,
    bin_keys::integer[], bin_counts::bigint[]
FROM unnest(:dimensions::smallint[], :names::text[], :seconds::smallint[], :slots::integer[], :messages::bigint[],
    :sent::bigint[], :failed::bigint[], :responses::bigint[], :response_times::bigint[], :bin_keys::text[],
    :bin_counts::text[])
    AS a(dimension, value, seconds, slot, messages, sent, failed, responses, response_time, bin_keys, bin_counts),
    revisions AS b
WHERE b.organization_id = :organization_id
