-- Adds to what users did on days.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   user_ids, days                     text[], integer[]: the days since 1970; the order in which rows are locked
--   events, messages_received, messages_sent, conversations, prompt_tokens, cached_tokens, completion_tokens,
--   cost_micros, ratings, rating_sum
--                                    bigint[]: what is added to each, which may be negative
INSERT INTO user_days AS d (organization_id, version, user_id, day, :COLUMNS)
SELECT b.organization_id, :version, user_id, date '1970-01-01' + day, :COLUMNS
FROM unnest(:user_ids::text[], :days::integer[], :events::bigint[], :messages_received::bigint[],
    :messages_sent::bigint[], :conversations::bigint[], :prompt_tokens::bigint[], :cached_tokens::bigint[],
    :completion_tokens::bigint[],
    :cost_micros::bigint[], :ratings::bigint[], :rating_sum::bigint[]) AS added(user_id, day, :COLUMNS), revisions AS b
WHERE b.organization_id = :organization_id
ON CONFLICT (organization_id, version, user_id, day) DO UPDATE SET :ADDED
