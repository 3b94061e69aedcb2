-- Lets an alias take the place of a user in how conversations begin.
--
-- They begin with an event of the user, so on a day on which the user did something.
--
-- Parameters
--   organization_id                    integer
--   versions                           smallint[]: of the rows, all that there may be
--   user_id, alias                     text
--   limit                              bigint: in how many rows at most
UPDATE user_conversations SET user_id = :alias
WHERE organization_id = :organization_id AND (version, conversation_key) IN (
    SELECT c.version, c.conversation_key
    FROM user_days AS d JOIN user_conversations AS c ON c.organization_id = d.organization_id
        AND c.version = d.version AND c.began_at >= d.day::timestamp AT TIME ZONE 'UTC'
        AND c.began_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC' AND c.began_at > '-infinity'
    WHERE d.organization_id = :organization_id AND d.version = ANY(:versions::smallint[]) AND d.user_id = :user_id
        AND c.user_id = :user_id
    LIMIT :limit)
