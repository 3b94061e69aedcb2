-- Stores what is kept of content gaps beside their numbers, in place of what there was, and adds to the numbers.
--
-- Parameters
--   organization_id                    integer
--   version                            smallint: of the rows
--   topics                             text[]: in the order in which rows are locked
--   names, name_times                  text[], bigint[]: the spelling that was told last, and when
--   questions                          text[]: JSON arrays of [question, when, hexadecimal digest of who], newest first
--   users                              bytea[]: digests, one behind the other
--   frequencies, confidence_sums, confidence_counts
--                                      bigint[]: what is added
--   firsts, lasts                      bigint[]: when it was found first and last; NULL where that is not known
INSERT INTO content_gaps AS g
    (organization_id, version, topic, name, name_at, questions, users, frequency, confidence_sum, confidence_count,
    first_at, last_at)
SELECT b.organization_id, :version, topic, name, :NAMED, questions::jsonb, users, frequency, confidence_sum,
    confidence_count, :FIRST, :LAST
FROM unnest(:topics::text[], :names::text[], :name_times::bigint[], :questions::text[], :users::bytea[],
    :frequencies::bigint[], :confidence_sums::bigint[], :confidence_counts::bigint[], :firsts::bigint[],
    :lasts::bigint[]) AS told(topic, name, named, questions, users, frequency, confidence_sum, confidence_count,
    first, last), revisions AS b
WHERE b.organization_id = :organization_id
ON CONFLICT (organization_id, version, topic) DO UPDATE
SET name = excluded.name, name_at = excluded.name_at, questions = excluded.questions, users = excluded.users,
    frequency = g.frequency + excluded.frequency,
    confidence_sum = g.confidence_sum + excluded.confidence_sum,
    confidence_count = g.confidence_count + excluded.confidence_count,
    first_at = least(g.first_at, excluded.first_at),
    last_at = greatest(g.last_at, excluded.last_at)
