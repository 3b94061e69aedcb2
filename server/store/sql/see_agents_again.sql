-- Makes anew when agents were seen first and last, and removes those that were not.
--
-- What is known of an agent has the times of all of its events, those included that are gone by now: the first and the
-- last of those that are left lie between. Both are looked for by the index of time, from its ends.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   agent_ids                          text[]
--   until                              bigint: the revision whose events count, as they were then
--   kept_from                          timestamptz: of what happened before it raw events may be gone
WITH known AS MATERIALIZED (
    SELECT agent_id, first_seen_at, last_seen_at FROM agents
    WHERE organization_id = :organization_id AND version = :version AND agent_id = ANY(:agent_ids::text[])
), seen AS MATERIALIZED (
    SELECT k.agent_id, least(kept.first_at, was.first_at) AS first_at, greatest(kept.last_at, was.last_at) AS last_at
    FROM known AS k CROSS JOIN LATERAL (
        SELECT (
            SELECT occurred_at FROM events
            WHERE organization_id = :organization_id AND agent_id = k.agent_id AND revision <= :until
                AND occurred_at >= k.first_seen_at AND occurred_at <= k.last_seen_at AND occurred_at > '-infinity'
                AND received_at >= k.first_seen_at - interval '1 day'
            ORDER BY occurred_at LIMIT 1
        ) AS first_at, (
            SELECT occurred_at FROM events
            WHERE organization_id = :organization_id AND agent_id = k.agent_id AND revision <= :until
                AND occurred_at >= k.first_seen_at AND occurred_at <= k.last_seen_at AND occurred_at > '-infinity'
                AND received_at >= k.first_seen_at - interval '1 day'
            ORDER BY occurred_at DESC LIMIT 1
        ) AS last_at
    ) AS kept CROSS JOIN LATERAL (
        SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at FROM replaced_events
        WHERE organization_id = :organization_id AND revision > :until AND replaced_revision <= :until
            AND agent_id = k.agent_id
    ) AS was
    WHERE kept.first_at IS NOT NULL OR was.first_at IS NOT NULL
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
