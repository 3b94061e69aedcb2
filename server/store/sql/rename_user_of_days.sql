-- Lets an alias take the place of a user in days, and adds them to days of the alias.
--
-- Parameters
--   organization_id                    integer
--   versions                           smallint[]: of the rows, all that there may be
--   user_id, alias                     text
--   limit                              bigint: in how many rows at most
WITH gone AS (
    DELETE FROM user_days
    WHERE organization_id = :organization_id AND user_id = :user_id AND (version, day) IN (
        SELECT version, day FROM user_days
        WHERE organization_id = :organization_id AND version = ANY(:versions::smallint[]) AND user_id = :user_id
        LIMIT :limit)
    RETURNING version, day, :COLUMNS
)
INSERT INTO user_days AS d (organization_id, version, user_id, day, :COLUMNS)
SELECT :organization_id, version, :alias, day, :COLUMNS FROM gone
ON CONFLICT (organization_id, version, user_id, day) DO UPDATE SET :ADDED
