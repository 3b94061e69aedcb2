-- Reads the events of conversations after a revision, in the order of revisions.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the last one that is not wanted
--   revised_at                         timestamptz: the time of that revision; no later one was received before it
--   until                              bigint: the last revision that is wanted
--   limit                              bigint: how many events at most
SELECT revision, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM occurred_at) * 1000000)::bigint, event_key, event_type, conversation_id,
    coalesce(agent_id, ''), coalesce(user_id, ''), coalesce(channel, ''), coalesce(team_id, ''),
    coalesce(detail ->> 'topic', ''), coalesce((detail ->> 'by_human')::boolean, false)
FROM events
WHERE organization_id = :organization_id AND revision > :revision AND revision <= :until
    AND received_at >= :revised_at AND conversation_id IS NOT NULL
ORDER BY revision
LIMIT :limit
