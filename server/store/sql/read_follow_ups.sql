-- Reads how many of the conversations of a period were followed by another one of the same user, and how many of
-- their resolutions held.
--
-- Parameters
--   organization_id                    integer
--   start, end                         timestamptz: the period
--   as_of                              timestamptz: what is younger at this instant than it must be is not known yet
--   durable_hours                      double precision: for how long a resolution must hold
--   repeat_hours                       double precision: how soon another conversation counts
--   value                              text: what PART and PART_THEN ask for; without effect where they do not
--
-- AT is the time that must lie in the period: closed_at or began_at. PART is a condition on conversations as they are.
-- PART_THEN is one on a resolution (r) that was taken back, and its conversation (c). RESOLVED and REOPENED are kinds
-- of closing events.
--
-- A resolution that was taken back is not in the row of its conversation any more. The closing events of a
-- conversation that was reopened are cut at its reopenings: the closings up to a reopening, and after the one before
-- it, say how it went until then. Reopenings are few, and have an index.
--
-- Conversations are taken in the order of their users: what is looked up of one then lies beside what was looked up of
-- the one before, and users need no sort of their own in the end. OFFSET 0 keeps what is looked for from being looked
-- for once more wherever it is used.
WITH valid AS MATERIALIZED (
    SELECT version FROM projections WHERE organization_id = :organization_id AND name = 'conversations'
), asked AS MATERIALIZED (
    -- Hours, since the days of an interval are those of a time zone.
    SELECT :durable_hours::double precision * interval '1 hour' AS durable,
        :repeat_hours::double precision * interval '1 hour' AS repeat
), closed AS (
    SELECT conversation_key, latest_user_id AS user_id, topic, closed_at, outcome, NULL::timestamptz AS reopened_at
    FROM conversations AS c
    WHERE organization_id = :organization_id AND version = (SELECT version FROM valid)
        AND :AT >= :start AND :AT < :end AND :AT > '-infinity' AND outcome IS NOT NULL AND (:PART)
), reopened AS MATERIALIZED (
    SELECT DISTINCT conversation_key FROM conversation_closings
    WHERE organization_id = :organization_id AND version = (SELECT version FROM valid)
        AND kind = :REOPENED AND occurred_at >= :start AND occurred_at > '-infinity'
), cut AS (
    SELECT e.*, count(*) FILTER (WHERE e.kind = :REOPENED) OVER (
        PARTITION BY e.conversation_key ORDER BY e.occurred_at
        RANGE BETWEEN UNBOUNDED PRECEDING AND interval '1 microsecond' PRECEDING
    ) AS part
    FROM reopened CROSS JOIN LATERAL (
        SELECT conversation_key, occurred_at, event_key, kind, agent_id, channel, team_id FROM conversation_closings
        WHERE organization_id = :organization_id AND version = (SELECT version FROM valid)
            AND conversation_key = reopened.conversation_key
        OFFSET 0
    ) AS e
), resolutions AS (
    SELECT conversation_key, min(occurred_at) FILTER (WHERE kind <> :REOPENED) AS closed_at,
        min(occurred_at) FILTER (WHERE kind = :REOPENED) AS reopened_at,
        (array_agg(agent_id ORDER BY kind DESC, occurred_at, event_key))[1] AS agent_id,
        (array_agg(channel ORDER BY kind DESC, occurred_at, event_key))[1] AS channel,
        (array_agg(team_id ORDER BY kind DESC, occurred_at, event_key))[1] AS team_id
    FROM cut
    GROUP BY conversation_key, part
    HAVING max(kind) = :RESOLVED AND bool_or(kind = :REOPENED)
), taken_back AS (
    SELECT r.conversation_key, c.user_id, c.topic, r.closed_at, :RESOLVED AS outcome, r.reopened_at
    FROM resolutions AS r CROSS JOIN LATERAL (
        SELECT latest_user_id AS user_id, topic, counted_topic, handoff_reason, began_at, began_agent_id,
            began_channel, began_team_id
        FROM conversations
        WHERE organization_id = :organization_id AND version = (SELECT version FROM valid)
            AND conversation_key = r.conversation_key
        OFFSET 0
    ) AS c
    WHERE :AT >= :start AND :AT < :end AND (:PART_THEN)
), followed AS (
    SELECT one.*, durable, repeat, other.began_at AS followed_at
    FROM (SELECT * FROM closed UNION ALL SELECT * FROM taken_back ORDER BY user_id OFFSET 0) AS one CROSS JOIN asked
    LEFT JOIN LATERAL (
        SELECT began_at FROM conversations
        WHERE organization_id = :organization_id AND version = (SELECT version FROM valid)
            AND latest_user_id = one.user_id AND latest_user_id <> '' AND began_at >= one.closed_at
            AND began_at < one.closed_at + greatest(durable, repeat)
            AND conversation_key <> one.conversation_key
        ORDER BY began_at LIMIT 1 OFFSET 0
    ) AS other ON true
), judged AS (
    SELECT user_id, outcome = :RESOLVED AS is_resolution, reopened_at IS NULL AS is_closed,
        closed_at + durable <= :as_of AS is_old,
        closed_at + repeat <= :as_of AS is_old_for_repeat,
        coalesce(reopened_at < closed_at + durable, false) AS is_reopened,
        coalesce(followed_at < closed_at + repeat, false) AS is_repeated,
        CASE
            WHEN followed_at IS NULL OR outcome <> :RESOLVED THEN false
            WHEN topic = '' THEN followed_at < closed_at + durable
            ELSE EXISTS (
                SELECT FROM conversations AS other
                WHERE organization_id = :organization_id AND version = (SELECT version FROM valid)
                    AND latest_user_id = followed.user_id AND latest_user_id <> ''
                    AND began_at >= followed.closed_at
                    AND began_at < followed.closed_at + durable
                    AND conversation_key <> followed.conversation_key AND other.topic = followed.topic
            )
        END AS is_followed
    FROM followed
), users AS (
    -- Distinct users are counted by adding up for each of them first, in the order in which they come.
    SELECT count(*) FILTER (WHERE is_resolution AND is_old) AS mature,
        count(*) FILTER (WHERE is_resolution AND is_old AND is_reopened) AS reopened,
        count(*) FILTER (WHERE is_resolution AND is_old AND NOT is_reopened AND is_followed) AS followed,
        count(*) FILTER (WHERE is_resolution AND NOT is_old) AS not_yet_known,
        count(*) FILTER (WHERE is_closed AND is_old_for_repeat) AS mature_for_repeat,
        count(*) FILTER (WHERE is_closed AND is_old_for_repeat AND is_repeated) AS repeated,
        count(*) FILTER (WHERE is_closed AND NOT is_old_for_repeat) AS repeat_not_yet_known
    FROM judged
    GROUP BY user_id
)
SELECT coalesce(sum(mature), 0)::bigint AS mature, coalesce(sum(reopened), 0)::bigint AS reopened,
    coalesce(sum(followed), 0)::bigint AS followed, coalesce(sum(not_yet_known), 0)::bigint AS not_yet_known,
    coalesce(sum(mature_for_repeat), 0)::bigint AS mature_for_repeat,
    coalesce(sum(repeated), 0)::bigint AS repeated, count(*) FILTER (WHERE repeated > 0) AS users,
    coalesce(sum(repeat_not_yet_known), 0)::bigint AS repeat_not_yet_known
FROM users
