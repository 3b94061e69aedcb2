-- Takes conversations over into rows that were filled anew, where raw events of theirs are gone.
--
-- Parameters
--   organization_id                    integer
--   old, new                           smallint: the versions of the rows
--   complete_from                      timestamptz: of what began before it raw events may be missing
--
-- COLUMNS are those of conversations but for the version.
INSERT INTO conversations (version, :COLUMNS)
SELECT :new::smallint, :COLUMNS FROM conversations AS old
WHERE organization_id = :organization_id AND version = :old AND (
    first_at < :complete_from OR NOT EXISTS (SELECT FROM conversations AS n
        WHERE n.organization_id = :organization_id AND n.version = :new AND n.conversation_key = old.conversation_key)
)
ON CONFLICT (organization_id, version, conversation_key) DO UPDATE SET :EXCLUDED
RETURNING conversation_key
