-- Returns agents in an order, those after a place, each with the status that was told last up to an instant.
--
-- CANDIDATES reads the agents that are put in order, SORT is what orders them, of the type TYPE, and THAN says whether
-- the next one has more or less of it; those without it come last. Those with as much of it come by agent_id.
--
-- Parameters, with those of CANDIDATES
--   organization_id                    integer
--   most                               bigint: how many candidates to look at
--   beyond                             text: of candidates by agent_id, the one before the first
--   prefix, last                       text: of candidates by a prefix, it and the greatest text that begins with it
--   after                              text: the agent_id of the place; empty: the list begins
--   value                              text: what orders the agent of the place; NULL: it has none
--   kind                               smallint; NULL: any
--   team_id                            text; NULL: any
--   is_deleted                         boolean; NULL: either
--   now                                timestamptz
--   limit                              bigint
SELECT a.agent_id, a.first_seen_at, a.last_seen_at, a.created_at, a.deleted_at, a.kind, a.name, a.agent_version,
    a.team_id, a.sort::text AS sort, s.status, s.occurred_at AS told_at
FROM (SELECT c.*, :SORT AS sort FROM (:CANDIDATES) AS c) AS a
LEFT JOIN LATERAL (
    SELECT status, occurred_at FROM agent_statuses
    WHERE organization_id = :organization_id AND agent_id = a.agent_id AND occurred_at <= :now
    ORDER BY occurred_at DESC, event_key DESC
    LIMIT 1
) AS s ON true
WHERE (:kind::smallint IS NULL OR a.kind = :kind)
    AND (:team_id::text IS NULL OR a.team_id = :team_id)
    AND (:is_deleted::boolean IS NULL
        OR (a.deleted_at IS NOT NULL AND coalesce(a.created_at <= a.deleted_at, true)) = :is_deleted)
    AND (
        :after::text = '' OR a.sort IS NULL AND (:value::text IS NOT NULL OR a.agent_id > :after)
        OR a.sort :THAN CAST(:value::text AS :TYPE) OR a.sort = CAST(:value::text AS :TYPE) AND a.agent_id > :after
    )
ORDER BY a.sort :DIRECTION NULLS LAST, a.agent_id
LIMIT :limit
