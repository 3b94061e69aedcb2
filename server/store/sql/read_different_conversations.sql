-- Reads the conversations of a range of keys that two versions do not agree on, as they are in one and in the other.
--
-- Of those that began before an instant raw events may be gone, and of those that are only in the valid version they
-- are: the valid version knows better, and they are left out.
--
-- Parameters
--   organization_id                    integer
--   valid, filled                      smallint: the versions
--   after, last                        bytea: the range, without its beginning
--   keys                               bytea[]: further conversations that are wanted although their rows agree
--   complete_from                      timestamptz: the instant; NULL: no raw event is gone
--
-- The columns are those of a conversation: VALID and FILLED as they are compared, VALID_SELECTED and FILLED_SELECTED as
-- they are read.
SELECT conversation_key, v.version IS NOT NULL, f.version IS NOT NULL, :VALID_SELECTED, :FILLED_SELECTED
FROM (
    SELECT * FROM conversations WHERE organization_id = :organization_id AND version = :valid
        AND conversation_key > :after AND conversation_key <= :last
) AS v
FULL JOIN (
    SELECT * FROM conversations WHERE organization_id = :organization_id AND version = :filled
        AND conversation_key > :after AND conversation_key <= :last
) AS f USING (conversation_key)
WHERE ((:VALID) IS DISTINCT FROM (:FILLED) OR conversation_key = ANY(:keys::bytea[]))
    AND (:complete_from::timestamptz IS NULL
        OR f.version IS NOT NULL AND (v.version IS NULL OR v.first_at >= :complete_from))
