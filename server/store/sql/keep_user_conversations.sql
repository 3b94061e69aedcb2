-- Takes over, into rows that were filled anew, how conversations begin of which raw events may be gone.
--
-- Parameters
--   organization_id                    integer
--   old, new                           smallint: the versions of the rows
--   complete_from                      timestamptz: of what happened before it raw events may be missing
INSERT INTO user_conversations (organization_id, version, conversation_key, is_no_start, began_at, user_id)
SELECT organization_id, :new::smallint, conversation_key, is_no_start, began_at, user_id
FROM user_conversations
WHERE organization_id = :organization_id AND version = :old::smallint AND began_at < :complete_from::timestamptz
ON CONFLICT (organization_id, version, conversation_key) DO UPDATE SET
    is_no_start = excluded.is_no_start, began_at = excluded.began_at, user_id = excluded.user_id
