-- Deletes updates of an organization that were made before an instant, the oldest revisions first.
--
-- Parameters
--   organization_id                    integer
--   before                             timestamptz: updates made from then on stay
--   limit                              bigint: of how many revisions to delete at most, each with all its portions
DELETE FROM updates
WHERE organization_id = :organization_id AND revision < least(
    (SELECT min(revision) + :limit FROM updates WHERE organization_id = :organization_id),
    coalesce((
        SELECT revision FROM updates
        WHERE organization_id = :organization_id AND created_at >= :before
        ORDER BY created_at, revision
        LIMIT 1
    ), 9223372036854775807)
)
