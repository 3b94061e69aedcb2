-- Reads the next values that an organization has rollups of, in order, by hopping through the index.
--
-- Parameters
--   organization_id                    integer
--   dimension, value                   smallint, text: the value after which to begin
--   limit                              bigint: how many values to read at most
WITH RECURSIVE hop AS (
    (
        SELECT dimension, value FROM rollups
        WHERE organization_id = :organization_id AND (dimension, value) > (:dimension, :value)
        ORDER BY dimension, value
        LIMIT 1
    )
    UNION ALL
    SELECT n.dimension, n.value
    FROM hop
    CROSS JOIN LATERAL (
        SELECT dimension, value FROM rollups
        WHERE organization_id = :organization_id AND (dimension, value) > (hop.dimension, hop.value)
        ORDER BY dimension, value
        LIMIT 1
    ) AS n
)
SELECT dimension, value FROM hop LIMIT :limit
