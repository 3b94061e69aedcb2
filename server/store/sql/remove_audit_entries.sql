-- Removes the oldest entries of an organization's audit trail up to the first that was not made before an instant, and
-- makes the last of them the one behind which the chain begins.
--   :organization_id; the row of its chain is locked
--   :instant
--   :limit: the most to remove
WITH oldest AS (
    SELECT number, at FROM audit_entries WHERE organization_id = :organization_id ORDER BY number LIMIT :limit
), expired AS (
    SELECT number FROM oldest
    WHERE at < :instant
        AND number < coalesce((SELECT min(number) FROM oldest WHERE at >= :instant), 9223372036854775807)
), removed AS (
    DELETE FROM audit_entries
    WHERE organization_id = :organization_id AND number IN (SELECT number FROM expired)
    RETURNING number, hash
), noted AS (
    UPDATE audit_chains AS c SET removed_number = r.number, removed_hash = r.hash
    FROM (SELECT number, hash FROM removed ORDER BY number DESC LIMIT 1) AS r
    WHERE c.organization_id = :organization_id
)
SELECT count(*) FROM removed
