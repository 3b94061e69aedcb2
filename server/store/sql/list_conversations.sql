-- Returns conversations in an order, those after a place, with what orders each of them.
--
-- CANDIDATES reads the conversations that are put in order, SORT is what orders them, of the type TYPE, and THAN says
-- whether the next one has more or less of it; those without it come last. Those with as much of it come by key. AGENT,
-- CHANNEL and TEAM are the columns of those for whom they count, FIGURE says which add something to a figure, and
-- RANGES which have numbers within bounds, whose parameters are min_ and max_ with the name of the number.
--
-- Parameters, with those of CANDIDATES, RANGES and the recomputed conversations
--   organization_id                    integer
--   outcome, phase                     smallint; NULL: any, as for those below
--   agent_id, channel, team_id         text
--   topic, counted_topic               text: as it was told or counted, as it is counted
--   user_id, handoff_reason            text
--   has_content_gap                    boolean
--   place_key                          bytea: the key of the place; NULL: the list begins
--   place_value                        text: what orders the conversation of the place; NULL: it has none
--   limit                              bigint
SELECT c.conversation_key, c.sort::text AS sort, :SELECTED
FROM (SELECT n.*, :SORT AS sort FROM (:CANDIDATES) AS n) AS c
WHERE (:outcome::smallint IS NULL OR c.outcome = :outcome)
    AND (:phase::smallint IS NULL OR :PHASE = :phase)
    AND (:agent_id::text IS NULL OR c.:AGENT = :agent_id)
    AND (:channel::text IS NULL OR c.:CHANNEL = :channel)
    AND (:team_id::text IS NULL OR c.:TEAM = :team_id)
    AND (:topic::text IS NULL OR c.topic = :topic OR c.counted_topic = :topic)
    AND (:counted_topic::text IS NULL OR c.counted_topic = :counted_topic)
    AND (:user_id::text IS NULL OR c.latest_user_id = :user_id)
    AND (:handoff_reason::text IS NULL OR c.handoff_reason = :handoff_reason)
    AND (:has_content_gap::boolean IS NULL OR (c.content_gaps > 0) = :has_content_gap)
    AND (:FIGURE)
    AND :RANGES
    AND (
        :place_key::bytea IS NULL
        OR c.sort IS NULL AND (:place_value::text IS NOT NULL OR c.conversation_key > :place_key)
        OR c.sort :THAN CAST(:place_value::text AS :TYPE)
        OR c.sort = CAST(:place_value::text AS :TYPE) AND c.conversation_key > :place_key
    )
ORDER BY c.sort :DIRECTION NULLS LAST, c.conversation_key
LIMIT :limit
