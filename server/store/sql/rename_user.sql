-- Lets an alias take the place of what is known of a user, without the name.
--
-- Parameters
--   organization_id                    integer
--   versions                           smallint[]: of the rows, all that there may be
--   user_id, alias                     text
INSERT INTO users AS u (organization_id, version, user_id, first_seen_at, last_seen_at, name)
SELECT organization_id, version, :alias, first_seen_at, last_seen_at, ''
FROM users
WHERE organization_id = :organization_id AND version = ANY(:versions::smallint[]) AND user_id = :user_id
ON CONFLICT (organization_id, version, user_id) DO UPDATE SET
    first_seen_at = least(u.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(u.last_seen_at, excluded.last_seen_at)
