-- Stores new events of several organizations, which is its own transaction: one round trip and one wait for the disk.
--
-- Parameters
--   organizations, events, quotas, changes
--                                      integer[], integer[], bigint[], bytea[]: one element for each part, which is what
--                                      one organization stores: how many events, how many a month may have (0: any
--                                      number), and what the log of updates says
--   given_…, added_…, cells_…          the rows of GIVEN, ADDED and CELLS in single.py, a parameter for each column, as
--                                      the text of an array
--
-- RARER_STEPS are those of store_rarer_events.sql or nothing.
--
-- Rows are locked in the order that every transaction of ingest keeps to: keys, conversations, revisions, and each of
-- them by organization and key, so that nobody waits in a circle. Each step waits for the one before it because it asks
-- how many rows that one made.
--
-- The figures of a part depend on how its conversations stood: a ConversationChange names the version that a
-- conversation's row must have, or none where the row must be new, or open and stay open. A conflicting part is left
-- out: an event of it is stored already, or a conversation is not as its change says. If a row changes after the
-- snapshot was taken, the statement aborts: a duplicate key by its constraint, a changed conversation by an assertion
-- (division by zero). xmin works as a version because every transaction that stores a closing updates the conversation.
--
-- The revisions are looked up by the place of a part in an array, since joining them would compare every cell with every
-- part.
WITH parts AS MATERIALIZED (
    SELECT * FROM unnest(:organizations::integer[], :events::integer[], :quotas::bigint[], :changes::bytea[])
        WITH ORDINALITY AS parts(organization_id, events, quota, changes, part)
), given AS MATERIALIZED (
    SELECT * FROM :GIVEN
), added AS MATERIALIZED (
    SELECT * FROM :ADDED
), conflicting AS MATERIALIZED (
    SELECT g.part FROM given g CROSS JOIN LATERAL (SELECT FROM event_keys
        WHERE organization_id = g.organization_id AND event_key = g.event_key OFFSET 0) AS known
    UNION ALL
    SELECT a.part FROM added a CROSS JOIN LATERAL (SELECT FROM conversations
        WHERE organization_id = a.organization_id AND conversation_key = a.conversation_key AND CASE
        WHEN a.version IS NULL THEN coalesce(outcome, a.outcome) IS NOT NULL ELSE xmin::text <> a.version END
        OFFSET 0) AS changed
), keys AS (
    INSERT INTO event_keys (organization_id, event_key, fingerprint, occurred_hour)
    SELECT organization_id, event_key, fingerprint, occurred_at / 3600000000 FROM given
    WHERE part NOT IN (SELECT part FROM conflicting) ORDER BY organization_id, event_key
    RETURNING organization_id
), conversation_changes AS (
    INSERT INTO conversations AS c (organization_id, conversation_key, messages, outcome, closed_at, agent_id,
        channel, team_id, conversation_id, latest_at, latest_minute, latest_agent_id, latest_user_id,
        latest_channel)
    SELECT organization_id, conversation_key, messages, outcome,
        timestamptz '1970-01-01 00:00+00' + closed_at * interval '1 microsecond',
        agent_id, channel, team_id, conversation_id,
        timestamptz '1970-01-01 00:00+00' + latest_at * interval '1 microsecond',
        latest_at / 60000000, latest_agent_id, latest_user_id, latest_channel
    FROM added WHERE part NOT IN (SELECT part FROM conflicting) AND (SELECT count(*) FROM keys) > 0
    ORDER BY organization_id, conversation_key
    ON CONFLICT (organization_id, conversation_key) DO UPDATE SET messages = c.messages + excluded.messages,
        outcome = excluded.outcome, closed_at = excluded.closed_at, agent_id = excluded.agent_id,
        channel = excluded.channel, team_id = excluded.team_id, :LATEST
    WHERE (c.organization_id, c.conversation_key, c.xmin::text) IN
            (SELECT organization_id, conversation_key, version FROM added WHERE version IS NOT NULL)
        OR (c.outcome IS NULL AND excluded.outcome IS NULL AND (c.organization_id, c.conversation_key) NOT IN
            (SELECT organization_id, conversation_key FROM added WHERE version IS NOT NULL))
    RETURNING organization_id
), taken AS (
    INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
    SELECT organization_id, 1, clock_timestamp(), events FROM parts
    WHERE part NOT IN (SELECT part FROM conflicting)
        AND 1 / (CASE WHEN (SELECT count(*) FROM conversation_changes) =
            (SELECT count(*) FROM added WHERE part NOT IN (SELECT part FROM conflicting)) THEN 1 ELSE 0 END) = 1
    ORDER BY organization_id
    :REVISE, organization_id
), numbered AS MATERIALIZED (
    SELECT array_agg(t.revision ORDER BY p.part) AS revisions, array_agg(t.revised_at ORDER BY p.part) AS times,
        count(*) FILTER (WHERE p.quota > 0 AND t.month_events > p.quota) AS exceeded
    FROM parts p LEFT JOIN taken t USING (organization_id)
), stored AS (
    INSERT INTO events (organization_id, revision, received_at, occurred_at, event_key, event_id, event_type,
        agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id, detail,
        properties)
    SELECT organization_id, revisions[part], times[part],
        timestamptz '1970-01-01 00:00+00' + occurred_at * interval '1 microsecond',
        event_key, event_id, event_type, agent_id, user_id, conversation_id, channel, team_id, campaign_id,
        resource_type, resource_id, detail::jsonb, properties::jsonb
    FROM numbered, given WHERE revisions[part] IS NOT NULL
)
:RARER_STEPS
, counted AS (
    INSERT INTO deltas (organization_id, dimension, value, bucket, slot, revision, created_at, counter_keys,
        counter_amounts, bin_keys, bin_counts, set_keys, sets)
    SELECT organization_id, dimension, coalesce(value, ''), bucket, slot, revisions[part], times[part],
        counter_keys::integer[], counter_amounts::bigint[], bin_keys::integer[], bin_counts::bigint[],
        set_keys::integer[], sets::bytea[]
    FROM numbered, :CELLS
    WHERE revisions[part] IS NOT NULL
), logged AS (
    INSERT INTO updates (organization_id, revision, created_at, events, changes)
    SELECT organization_id, revisions[part], times[part], events, changes
    FROM numbered, parts WHERE revisions[part] IS NOT NULL
)
SELECT revision, revised_at, month_events, organization_id FROM taken
WHERE 1 / (CASE WHEN (SELECT exceeded FROM numbered) = 0 THEN 1 ELSE 0 END) = 1
