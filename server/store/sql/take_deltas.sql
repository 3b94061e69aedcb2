-- Deletes deltas of an organization, those of the same cell one after the other, and returns them.
--
-- Parameters
--   organization_id                    integer
--   limit                              bigint: how many to delete at most
--
-- The inner order is that of the primary key: of a backlog that is much larger than the limit, no more rows are read
-- than are taken.
DELETE FROM deltas
WHERE organization_id = :organization_id AND ctid = ANY(ARRAY(
    SELECT ctid FROM deltas
    WHERE organization_id = :organization_id
    ORDER BY dimension, value, bucket, revision
    LIMIT :limit
))
RETURNING dimension, value, bucket, counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets,
    NULL::integer[] AS histogram_keys, NULL::bytea[] AS histograms, slot
