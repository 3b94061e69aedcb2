-- Stores closings of conversations and statuses of agents; steps of store_events.sql.
--
-- Many calls have nothing of them; the steps would cost those calls a tenth of the database's time all the same.
--
-- Parameters
--   closings_…                         the rows of CLOSINGS in single.py, a parameter for each column, as the text of an
--                                      array
, closed AS (
    INSERT INTO conversation_closings (organization_id, conversation_key, occurred_at, event_key, kind, agent_id,
        channel, team_id)
    SELECT organization_id, conversation_key,
        timestamptz '1970-01-01 00:00+00' + occurred_at * interval '1 microsecond',
        event_key, kind, agent_id, channel, team_id
    FROM numbered, :CLOSINGS
    WHERE revisions[part] IS NOT NULL
), posted AS (
    INSERT INTO agent_statuses (organization_id, agent_id, occurred_at, event_key, status)
    SELECT organization_id, agent_id,
        timestamptz '1970-01-01 00:00+00' + occurred_at * interval '1 microsecond',
        event_key, (detail::jsonb ->> 'status')::smallint
    FROM numbered, given
    WHERE revisions[part] IS NOT NULL AND event_type = 'agent.status_changed' AND agent_id IS NOT NULL
)
