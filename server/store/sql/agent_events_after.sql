-- Reads what events after a revision say of agents, in the order of revisions, for the projection of agents.
--
-- Of most events no more matters than when they occurred: so those of an agent come as two rows without a key, one
-- with the time of the earliest, which says how many they are, and one with the time of the latest. Those of the last
-- revision that is looked at are kept apart, since there may be more of it.
--
-- It looks at a bounded number of events. The last one is returned whatever it is, without a type.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the last one that is not wanted
--   revised_at                         timestamptz: a time before which no later one was received
--   until                              bigint: the last revision that is wanted
--   looked_at                          bigint: at how many events it looks at most
WITH looked AS MATERIALIZED (
    SELECT revision, received_at, occurred_at, event_key, event_type, agent_id, team_id,
        event_type LIKE 'agent.%' AS is_about, CASE WHEN event_type LIKE 'agent.%' THEN detail END AS detail,
        row_number() OVER (ORDER BY revision) AS place
    FROM events
    WHERE organization_id = :organization_id AND revision > :revision AND revision <= :until
        AND received_at >= :revised_at
    ORDER BY revision
    LIMIT :looked_at
),
seen AS (
    SELECT max(revision) AS revision, min(received_at) AS received_at, min(occurred_at) AS earliest,
        max(occurred_at) AS latest, agent_id, count(*) AS events
    FROM looked
    WHERE place < :looked_at AND agent_id IS NOT NULL AND NOT is_about
    GROUP BY agent_id, revision = (SELECT max(revision) FROM looked)
)
SELECT revision, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM occurred_at) * 1000000)::bigint, event_key, event_type, agent_id, team_id, name, kind,
    version, events
FROM (
    SELECT revision, received_at, occurred_at, event_key,
        CASE WHEN place < :looked_at THEN event_type END AS event_type, agent_id, coalesce(team_id, '') AS team_id,
        coalesce(detail ->> 'name', '') AS name, coalesce((detail ->> 'kind')::smallint, 0::smallint) AS kind,
        coalesce(detail ->> 'version', '') AS version, 1::bigint AS events
    FROM looked
    WHERE place = :looked_at OR agent_id IS NOT NULL AND is_about
    UNION ALL
    SELECT revision, received_at, occurred_at, ''::bytea, '', agent_id, '', '', 0::smallint, '', of_events
    FROM seen CROSS JOIN LATERAL (VALUES (earliest, events), (latest, 0)) AS bounds(occurred_at, of_events)
) AS found
ORDER BY revision
