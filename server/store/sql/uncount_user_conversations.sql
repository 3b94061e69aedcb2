-- Takes conversations from the days in which they begin by raw events that are left, where it is known better.
--
-- Parameters
--   organization_id                    integer
--   old, new                           smallint: the versions of the rows
--   complete_from                      timestamptz: of what happened before it raw events may be missing
UPDATE user_days AS d SET conversations = d.conversations - counted.conversations
FROM (
    SELECT n.user_id, (n.began_at AT TIME ZONE 'UTC')::date AS day, count(*) AS conversations
    FROM user_conversations o JOIN user_conversations n ON n.organization_id = o.organization_id
        AND n.version = :new::smallint AND n.conversation_key = o.conversation_key
    WHERE o.organization_id = :organization_id AND o.version = :old::smallint
        AND o.began_at < :complete_from::timestamptz
    GROUP BY 1, 2
) AS counted
WHERE d.organization_id = :organization_id AND d.version = :new::smallint AND d.user_id = counted.user_id
    AND d.day = counted.day
