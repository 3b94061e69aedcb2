-- Returns of agents the last quarter hour in which each was heard before the first silence after an instant.
--
-- Parameters
--   organization_id                    integer
--   agent_ids                          text[]
--   firsts                             integer[]: the quarter hour of each from which on to look; it was heard there
--   last                               integer: the quarter hour before which to look
--   silence                            integer: how many quarter hours without any event are no silence yet
--
-- An agent was heard in a quarter hour that has figures of it: every event with its id adds to them. Each step goes on
-- to the last such quarter hour that no silence parts from the one before: one for about each silence's worth of time.
WITH RECURSIVE heard AS (
    SELECT agent_id, bucket FROM unnest(:agent_ids::text[], :firsts::integer[]) AS asked(agent_id, bucket)
    UNION ALL
    SELECT h.agent_id, n.bucket FROM heard AS h CROSS JOIN LATERAL (
        SELECT greatest(
            (
                SELECT bucket FROM rollups
                WHERE organization_id = :organization_id AND dimension = :AGENT AND value = h.agent_id
                    AND granularity = 1 AND bucket > h.bucket AND bucket <= h.bucket + :silence AND bucket < :last
                ORDER BY bucket DESC LIMIT 1
            ),
            (
                SELECT bucket FROM deltas
                WHERE organization_id = :organization_id AND dimension = :AGENT AND value = h.agent_id
                    AND bucket > h.bucket AND bucket <= h.bucket + :silence AND bucket < :last
                ORDER BY bucket DESC LIMIT 1
            )
        ) AS bucket
    ) AS n WHERE n.bucket IS NOT NULL
)
SELECT agent_id, max(bucket) AS bucket FROM heard GROUP BY agent_id
