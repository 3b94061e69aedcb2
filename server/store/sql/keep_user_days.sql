-- Takes days of users over into rows that were filled anew, where raw events of theirs may be gone.
--
-- Parameters
--   organization_id                    integer
--   old, new                           smallint: the versions of the rows
--   complete_from                      timestamptz: of what happened before it raw events may be missing
INSERT INTO user_days AS d (organization_id, version, user_id, day, :COLUMNS)
SELECT organization_id, :new::smallint, user_id, day, :COLUMNS
FROM user_days
WHERE organization_id = :organization_id AND version = :old::smallint
    AND day::timestamp AT TIME ZONE 'UTC' < :complete_from::timestamptz
ON CONFLICT (organization_id, version, user_id, day) DO UPDATE SET :REPLACED
