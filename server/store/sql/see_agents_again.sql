-- Makes anew when agents were seen first and last, and removes those that were not.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   agent_ids                          text[]
--   until                              bigint: the revision whose events count, as they were then
--   kept_from                          timestamptz: of what happened before it raw events may be gone
WITH seen AS MATERIALIZED (
    SELECT agent_id, min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM (
        SELECT agent_id, occurred_at FROM events
        WHERE organization_id = :organization_id AND agent_id = ANY(:agent_ids::text[]) AND revision <= :until
        UNION ALL
        SELECT agent_id, occurred_at FROM replaced_events
        WHERE organization_id = :organization_id AND revision > :until AND replaced_revision <= :until
            AND agent_id = ANY(:agent_ids::text[])
    ) AS e
    GROUP BY agent_id
), gone AS (
    DELETE FROM agents
    WHERE organization_id = :organization_id AND version = :version AND agent_id = ANY(:agent_ids::text[])
        AND first_seen_at >= :kept_from AND agent_id NOT IN (SELECT agent_id FROM seen)
)
UPDATE agents AS a SET
    first_seen_at = CASE WHEN a.first_seen_at < :kept_from THEN a.first_seen_at ELSE s.first_at END,
    last_seen_at = CASE WHEN a.last_seen_at < :kept_from THEN a.last_seen_at
        ELSE coalesce(s.last_at, greatest(a.first_seen_at, :kept_from::timestamptz)) END
FROM unnest(:agent_ids::text[]) AS given(id) LEFT JOIN seen AS s ON s.agent_id = given.id
WHERE a.organization_id = :organization_id AND a.version = :version AND a.agent_id = given.id
    AND (s.agent_id IS NOT NULL OR a.first_seen_at < :kept_from)
