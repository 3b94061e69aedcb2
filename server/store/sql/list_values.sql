-- Returns values of a dimension, those with the greatest figure of rank_values.sql first, then those that have none.
--
-- MEMBERS is the table of them: members, or what looks like it of the values of custom metrics.
--
-- Parameters
--   organization_id                    integer
--   kind                               integer: of the values in MEMBERS
--   pattern                            text: what they are like, whatever their case, for LIKE
--   named                              text[]: further values, whatever they are like
--   most                               bigint: how many to return
--
-- Columns are collated as bytes, for which letters beyond ASCII have no case.
SELECT m.external_id AS value, coalesce(r.figure, 0)::bigint AS number
FROM :MEMBERS AS m
LEFT JOIN ranked AS r ON r.value = m.external_id
WHERE m.organization_id = :organization_id AND m.kind = :kind AND NOT m.overflow
    AND (lower(m.external_id COLLATE "default") LIKE lower(:pattern::text) OR m.external_id = ANY(:named::text[]))
ORDER BY coalesce(r.figure, 0) DESC, m.external_id
LIMIT :most::bigint
