-- Adds days of a user to those of an alias.
--
-- Parameters
--   organization_id                    integer
--   versions, days                     smallint[], date[]: which days of which versions of the rows
--   user_id, alias                     text
INSERT INTO user_days AS d (organization_id, version, user_id, day, :COLUMNS)
SELECT organization_id, version, :alias, day, :COLUMNS
FROM user_days
WHERE organization_id = :organization_id AND user_id = :user_id
    AND (version, day) IN (SELECT * FROM unnest(:versions::smallint[], :days::date[]))
ON CONFLICT (organization_id, version, user_id, day) DO UPDATE SET :ADDED
