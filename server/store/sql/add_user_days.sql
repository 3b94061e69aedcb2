-- Adds to what users did on days.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   user_ids, days                     text[], integer[]: the days since 1970; the order in which rows are locked
--   events, messages, conversations, tokens, cost_micros
--                                      bigint[]: what is added to each, which may be negative
INSERT INTO user_days AS d
    (organization_id, version, user_id, day, events, messages, conversations, tokens, cost_micros)
SELECT :organization_id, :version, user_id, date '1970-01-01' + day, events, messages, conversations, tokens,
    cost_micros
FROM unnest(:user_ids::text[], :days::integer[], :events::bigint[], :messages::bigint[], :conversations::bigint[],
    :tokens::bigint[], :cost_micros::bigint[])
    AS added(user_id, day, events, messages, conversations, tokens, cost_micros)
ON CONFLICT (organization_id, version, user_id, day) DO UPDATE SET
    events = d.events + excluded.events, messages = d.messages + excluded.messages,
    conversations = d.conversations + excluded.conversations, tokens = d.tokens + excluded.tokens,
    cost_micros = d.cost_micros + excluded.cost_micros
