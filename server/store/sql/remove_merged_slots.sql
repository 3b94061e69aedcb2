-- Removes slots of five seconds that are merged into minutes.
--
-- Parameters
--   organization_id                    integer
--   dimensions, names                  smallint[], text[]: the values whose slots were merged
--   before                             integer: the minute, counted since 1970, whose slots and later ones stay
DELETE FROM slot_rollups
WHERE organization_id = :organization_id AND ctid = ANY(ARRAY(
    SELECT r.ctid
    FROM unnest(:dimensions::smallint[], :names::text[]) AS v(dimension, value)
    CROSS JOIN LATERAL (
        SELECT ctid FROM slot_rollups
        WHERE organization_id = :organization_id AND dimension = v.dimension AND value = v.value
            AND seconds = :FINE AND slot < :before * :FINE_PER_MINUTE
        OFFSET 0
    ) AS r
))
