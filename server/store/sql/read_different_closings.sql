-- Reads of which conversations of a range of keys two versions do not agree on the closing and reopening events.
--
-- Parameters
--   organization_id                    integer
--   valid, filled                      smallint: the versions
--   after, last                        bytea: the range, without its beginning
--
-- COLUMNS are those of an event without organization and version; the first one is the key of the conversation.
-- Each version is a range of the key of its own: releases of PostgreSQL before 17 read the closings of all keys where
-- the versions are a list.
SELECT DISTINCT conversation_key
FROM (
    SELECT :COLUMNS FROM conversation_closings
    WHERE organization_id = :organization_id AND version = :valid
        AND conversation_key > :after AND conversation_key <= :last
    UNION ALL
    SELECT :COLUMNS FROM conversation_closings
    WHERE organization_id = :organization_id AND version = :filled
        AND conversation_key > :after AND conversation_key <= :last
) AS c
GROUP BY :COLUMNS
HAVING count(*) = 1
