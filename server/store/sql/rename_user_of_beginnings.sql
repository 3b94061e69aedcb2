-- Lets an alias take the place of a user in how conversations begin.
--
-- They begin with an event of the user, so within the time in which the user was seen.
--
-- Parameters
--   organization_id                    integer
--   versions                           smallint[]: of the rows, all that there may be
--   user_id, alias                     text
--   limit                              bigint: in how many rows at most
UPDATE user_conversations SET user_id = :alias
WHERE organization_id = :organization_id AND (version, conversation_key) IN (
    SELECT c.version, c.conversation_key
    FROM users u JOIN user_conversations c ON c.organization_id = u.organization_id AND c.version = u.version
        AND c.began_at BETWEEN u.first_seen_at AND u.last_seen_at AND c.began_at > '-infinity'
    WHERE u.organization_id = :organization_id AND u.version = ANY(:versions::smallint[]) AND u.user_id = :user_id
        AND c.user_id = :user_id
    LIMIT :limit)
