-- Reads the closing events that decide how conversations went: a few of each conversation, however many it has.
--
-- Of those later than the last reopening they are the first and the last one of each kind, and the first resolution
-- after a hand-over. Each is at the end of a range of the primary key.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   keys                               bytea[]: of the conversations
--
-- COLUMNS are those that are wanted. CLOSING are the kinds that close a conversation; REOPENED, RESOLVED and ESCALATED
-- are kinds, too.
WITH wanted AS MATERIALIZED (
    SELECT key, coalesce((
        SELECT max(occurred_at) FROM conversation_closings
        WHERE organization_id = :organization_id AND version = :version AND conversation_key = key AND kind = :REOPENED
    ), '-infinity') AS reopened_at
    FROM unnest(:keys::bytea[]) AS k(key)
)
SELECT c.* FROM wanted CROSS JOIN unnest(ARRAY[:CLOSING]::smallint[]) AS closing(one) CROSS JOIN LATERAL (
    (SELECT :COLUMNS FROM conversation_closings
    WHERE organization_id = :organization_id AND version = :version AND conversation_key = key AND kind = one
        AND occurred_at > reopened_at
    ORDER BY occurred_at, event_key LIMIT 1)
    UNION ALL
    (SELECT :COLUMNS FROM conversation_closings
    WHERE organization_id = :organization_id AND version = :version AND conversation_key = key AND kind = one
        AND occurred_at > reopened_at
    ORDER BY occurred_at DESC, event_key DESC LIMIT 1)
) AS c
UNION ALL
SELECT c.* FROM wanted CROSS JOIN LATERAL (
    SELECT occurred_at, event_key FROM conversation_closings
    WHERE organization_id = :organization_id AND version = :version AND conversation_key = key AND kind = :ESCALATED
        AND occurred_at > reopened_at
    ORDER BY occurred_at, event_key LIMIT 1
) AS handed_over CROSS JOIN LATERAL (
    SELECT :COLUMNS FROM conversation_closings
    WHERE organization_id = :organization_id AND version = :version AND conversation_key = key AND kind = :RESOLVED
        AND (conversation_closings.occurred_at, conversation_closings.event_key)
            > (handed_over.occurred_at, handed_over.event_key)
    ORDER BY occurred_at, event_key LIMIT 1
) AS c
