-- Reads the quarter hours in which an agent was heard last before a silence, in order.
--
-- Parameters
--   organization_id                    integer
--   agent_id                           text
--   first, last                        integer: the quarter hours to look at; the last one is left out
--   silence                            integer: how many quarter hours without any event are no silence yet
--
-- An agent was heard in a quarter hour that has figures of it: every event with its id adds to them.
SELECT bucket
FROM (
    SELECT bucket, lead(bucket) OVER (ORDER BY bucket) AS next
    FROM (
        SELECT bucket FROM rollups
        WHERE organization_id = :organization_id AND dimension = :AGENT AND value = :agent_id AND granularity = 1
            AND bucket >= :first AND bucket < :last
        UNION
        SELECT bucket FROM deltas
        WHERE organization_id = :organization_id AND dimension = :AGENT AND value = :agent_id
            AND bucket >= :first AND bucket < :last
    ) AS heard
) AS followed
WHERE next IS NULL OR next - bucket > :silence
ORDER BY bucket
